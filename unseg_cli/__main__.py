"""`python -m unseg_cli` is `unseg`."""

from __future__ import annotations

from unseg_cli.cli.app import run

if __name__ == "__main__":
    run()

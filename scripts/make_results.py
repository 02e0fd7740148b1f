#!/usr/bin/env python3
"""Make the pages of results, and the tables of README.md and docs/using.md, from what is kept in docs/results/.

See unseg_cli/bench/report/page.py.

    python scripts/make_results.py              make pages and table again
    python scripts/make_results.py runs/NAME    first copy what is kept of a run (tables, settings and plots) to docs/results/NAME
    python scripts/make_results.py --check      exit 1 if a page or the table is not what the runs say

A run whose pictures were protected before it (--protected) needs docs/results/NAME/beforehand.json, written by hand: the commands that made
them, the masks in words, and the hash of the shipped weights that they started from. docs/results/examples-photos/unseg-manifest.jsonl is
what `make demo` left in out/: it says how visible the noise is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from unseg_cli.bench.report.kept import keep
from unseg_cli.bench.report.page import pages, stale
from unseg_cli.core.errors import UnsegError

DOCS = Path(__file__).resolve().parent.parent / "docs"


def main(arguments: list[str] | None = None, docs: Path = DOCS) -> int:
    """Run the script; 1 where --check finds a file stale, or a run cannot be kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="bench runs to keep")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    options = parser.parse_args(arguments)
    try:
        for run in options.runs:
            print(f"kept {keep(run, docs)}")
        made = pages(docs)
    except UnsegError as problem:
        print(f"error: {problem.message}\nhint: {problem.hint}", file=sys.stderr)
        return 1
    if options.check:
        changed = stale(made)
        for path in made:
            print(f"{path} is {'stale: run scripts/make_results.py' if path in changed else 'up to date'}")
        return 1 if changed else 0
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Make docs/results.md from the bench runs in docs/results/.

    python scripts/make_results.py              make the page again
    python scripts/make_results.py runs/NAME    first copy what is kept of a run (tables, settings and plots) to docs/results/NAME
    python scripts/make_results.py --check      exit 1 if the page is not what the runs say

The page is docs/results_intro.md, written by hand, and a section for each run, made from its results.json and run.json alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from unseg_cli.bench_report import section

DOCS = Path(__file__).resolve().parent.parent / "docs"
KEPT = ("results.json", "results.csv", "curves.csv", "summary.md", "run.json", "bars.png", "curves.png")
LARGEST = 150_000  # bytes of one kept file


def keep(run: Path, docs: Path) -> Path:
    """Copy what is kept of a run; gives the new folder."""
    missing = [name for name in KEPT if not (run / name).is_file()]
    if missing:
        sys.exit(f"{run} is not a finished bench run: {missing[0]} is missing")
    kept = docs / "results" / run.resolve().name
    kept.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        if (run / name).stat().st_size > LARGEST:
            sys.exit(f"{run / name} is larger than {LARGEST} bytes")
        shutil.copyfile(run / name, kept / name)
    return kept


def page(docs: Path) -> str:
    """The whole page."""
    parts = [(docs / "results_intro.md").read_text(encoding="utf-8").rstrip()]
    for results in sorted((docs / "results").glob("*/results.json")):
        folder = results.parent
        document = json.loads(results.read_text(encoding="utf-8"))
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        plots = " ".join(
            f"![{name}](results/{folder.name}/{name}.png)" for name in ("bars", "curves") if (folder / f"{name}.png").is_file()
        )
        parts.append(f"## {folder.name}\n\n{section(document, run).rstrip()}\n\n{plots}".rstrip())
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str] | None = None, docs: Path = DOCS) -> int:
    """Run the script; 1 where --check finds the page stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="bench runs to keep")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    options = parser.parse_args(arguments)
    for run in options.runs:
        print(f"kept {keep(run, docs)}")
    text, target = page(docs), docs / "results.md"
    if options.check:
        fresh = target.is_file() and target.read_text(encoding="utf-8") == text
        print(f"{target} is {'up to date' if fresh else 'stale: run scripts/make_results.py'}")
        return 0 if fresh else 1
    target.write_text(text, encoding="utf-8")
    print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

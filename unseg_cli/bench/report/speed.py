"""How fast `protect` is: the rows that `make bench-speed` kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from unseg_cli.bench.report.text import markdown_table, number

FILE = "speed.json"
HEADER = ("what", "measured", "beside", "ratio", "of", "aim", "verdict")
INTRODUCTION = """## Speed

What `protect` takes on {cores} cores of an otherwise idle machine, every command in a process of its own, all in one run of

    {command}

Pictures a second are those of the whole command, its check of each written file included; imports are not. *beside*: what the same
machine needed for the same files without protecting them. Ratios above 1 say how many times as long that is, or as much."""


def section(docs: Path) -> str:
    """The table; "" where nothing was kept."""
    document = _kept(docs)
    if document is None:
        return ""
    rows = [_row(row) for row in document["rows"]]
    return INTRODUCTION.format(cores=document["cores"], command=document["command"]) + "\n\n" + "\n".join(markdown_table(HEADER, rows))


def sentence(docs: Path) -> str:
    """The same in a sentence for README; "" where nothing was kept."""
    document = _kept(docs)
    if document is None:
        return ""
    values = {row["what"]: row["value"] for row in document["rows"]}
    return (
        f"{document['cores']} cores do {values['protect, 640 x 480']:.0f} pictures of 640 x 480 a second, or "
        f"{values['protect, 12 megapixels']:.0f} of 12 megapixels, the first within {values['first picture is there after']:.1f} s, "
        f"in {values['most memory, 12 megapixels']:.1f} GB of memory ([measured](docs/results.md#speed))."
    )


def _kept(docs: Path) -> dict[str, Any] | None:
    path = docs / "results" / FILE
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    unit, beside, ratio = row["unit"], row["beside"], row["ratio"]
    return (
        row["what"],
        f"{number(row['value'], 2)} {unit}",
        "-" if beside is None else f"{number(beside, 2)} {unit}",
        "-" if ratio is None else number(ratio, 2),
        row["rival"] or "-",
        row["aim"] or "-",
        "-" if row["met"] is None else "met" if row["met"] else "missed",
    )

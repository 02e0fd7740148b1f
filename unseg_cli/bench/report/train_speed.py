"""How fast `train` is: the rows that `scripts/bench_train.py --json` kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unseg_cli.bench.report.text import markdown_table, number

FILE = "train_speed.json"
HEADER = ("generator", "step", "pictures of px", "seconds", "pictures/s", "not arithmetic %", "peak GB")
INTRODUCTION = """## Speed of training

A step of each kind on {cores} cores of an otherwise idle machine, the mean of a few, each generator in a process of its own:

    {command}

*not arithmetic* is the share of the time in which no network computes: waiting for pictures, writing, and what Python does in between.
*peak* is the memory of the process. `vit_b` is the paper's generator at its own size, with random weights."""


def section(docs: Path) -> str:
    """The table; "" where nothing was kept."""
    path = docs / "results" / FILE
    if not path.is_file():
        return ""
    document = json.loads(path.read_text(encoding="utf-8"))
    table = markdown_table(HEADER, [row_of(row) for row in document["rows"]])
    return INTRODUCTION.format(cores=document["cores"], command=document["command"]) + "\n\n" + "\n".join(table)


def row_of(row: dict[str, Any]) -> tuple[str, ...]:
    """What stands under `HEADER`."""
    numbers = (number(row[name], places) for name, places in (("seconds", 2), ("rate", 2), ("other", 1), ("gigabytes", 1)))
    return row["generator"], row["step"], f"{row['pictures']} of {row['px']}", *numbers

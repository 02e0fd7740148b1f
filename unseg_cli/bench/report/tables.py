"""The tables that a bench run leaves in its folder: results.json, three CSV files and summary.md."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unseg_cli.bench.report.markdown import section
from unseg_cli.bench.tasks import TASKS
from unseg_cli.core.runs import write_atomically, write_json_atomically

Document = dict[str, Any]

LABEL = ("victim", "condition", "defence", "init", "ratio", "seed")


def write_tables(out: Path, document: Document, results: list[Document], classes: Iterable[str], run: Document) -> None:
    """Write results.json, results.csv, per_class.csv, curves.csv and summary.md.

    Args:
        out: the run's folder.
        document: results.json.
        results: what is kept of every cell.
        classes: their names.
        run: run.json.
    """
    write_json_atomically(out / "results.json", document)
    _write_csv(out / "results.csv", [_flat(row) for row in document["rows"]])
    labels = [{name: result["row"][name] for name in LABEL} for result in results]
    per_class = [
        {**label, "class": name, TASKS[document["task"]].of_class or "score": score}
        for label, result in zip(labels, results, strict=True)
        for name, score in zip(classes, result["per_class"], strict=True)
    ]
    _write_csv(out / "per_class.csv", per_class)
    _write_csv(out / "curves.csv", [{**label, **point} for label, result in zip(labels, results, strict=True) for point in result["curve"]])
    text = f"# {document['data']}: what protection costs those who train on it\n\n{section(document, run)}"
    write_atomically(out / "summary.md", lambda part: part.write_text(text, encoding="utf-8"))


def _flat(row: Document) -> Document:
    """A row without the scores that it holds under another name anyway."""
    return {name: value for name, value in row.items() if name != "scores"} | {
        f"score_{name}": value for name, value in row.get("scores", {}).items()
    }


def _write_csv(path: Path, rows: list[Mapping[str, Any]] | list[Document]) -> None:
    def write(part: Path) -> None:
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)

    write_atomically(path, write)

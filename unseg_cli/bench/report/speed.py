"""How fast `protect` is: the rows that `make bench-speed` kept, a file for each machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from unseg_cli.bench.report.text import markdown_table, number

FOLDER = "speed"
HEADER = ("what", "measured", "beside", "ratio", "of", "aim", "verdict")
INTRODUCTION = """## Speed

What `protect` takes on an otherwise idle machine, every command in a process of its own, all of a table in one run of

    {command}

The pictures are made of the examples, so that about half of them need both networks that find objects, as photographs of single things do
([decisions.md](decisions.md)). Tables in which no row says how many need one alone are older: both looked at every picture, and threads of
one process did the work that processes of their own do now, a quarter faster. Pictures a second are those of the whole command, its check
of each written file included; imports are not. *beside*: what the same machine needed for the same files without protecting them. Ratios
above 1 say how many times as long that is, or as much."""


def section(docs: Path) -> str:
    """A table for each machine; "" where nothing was kept."""
    documents = _kept(docs)
    if not documents:
        return ""
    parts = [INTRODUCTION.format(command=documents[0]["command"])]
    for document in documents:
        parts.append(f"### {document['machine']}, {document['cores']} cores")
        parts.append("\n".join(markdown_table(HEADER, [_row(row) for row in document["rows"]])))
    return "\n\n".join(parts)


def sentence(docs: Path) -> str:
    """The same in a sentence for README, over all machines; "" where nothing was kept."""
    documents = _kept(docs)
    if not documents:
        return ""
    machines = [{row["what"]: row["value"] for row in document["rows"]} for document in documents]

    def rates(what: str) -> str:
        ends = [one(machine[what] for machine in machines) for one in (min, max)]
        slow, fast = (f"{rate:.{0 if rate >= 10 else 1}f}" for rate in ends)
        return slow if slow == fast else f"{slow} to {fast}"

    first, memory = (max(machine[what] for machine in machines) for what in ("first picture is there after", "most memory, 12 megapixels"))
    return (
        f"{documents[0]['cores']} cores do {rates('protect, 640 x 480')} pictures of 640 x 480 a second, "
        f"{rates('protect, 12 megapixels')} of 12 megapixels, the first within {first:.1f} s, in {memory:.1f} GB: "
        f"[measured](docs/results.md#speed)."
    )


def _kept(docs: Path) -> list[dict[str, Any]]:
    """What was kept, the fastest machine first."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in (docs / "results" / FOLDER).glob("*.json")]
    return sorted(cast("list[dict[str, Any]]", documents), key=lambda document: -document["rows"][0]["value"])


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

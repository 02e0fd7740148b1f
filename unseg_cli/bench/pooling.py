"""Several runs of the same measurement as one: other seeds, or further conditions, of a setting that was measured before.

A victim's score depends on the machine, too (another processor rounds otherwise), so that a score is only ever compared with the clean one
of its own run and seed. Pooled are the pairs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unseg_cli.bench.report.markdown import GROUP, Document, summarise

#: A row of a condition, and the clean row of the same victim, defence and seed in the same run.
Pair = tuple[Document, Document]


def pool(runs: Iterable[list[Document]]) -> list[Document]:
    """Mean, spread and drop over the seeds of several runs.

    Args:
        runs: the rows of each run's results.json; all of the same data, sizes and schedules.

    Returns:
        An entry like those of `summarise` for each group but the clean ones, with `clean_mean` beside it: the mean of the clean rows
        that its own rows are compared with. A seed that several runs have counts once, as the run with the most seeds has it, of
        equals the first. Rows without a clean one in their run are left out.
    """
    taken: dict[tuple[Any, ...], dict[int, Pair]] = {}
    for rows in sorted(runs, key=lambda rows: -len({row["seed"] for row in rows})):
        clean = {_group(row): row for row in rows if row["condition"] == "clean"}
        for row in rows:
            partner = clean.get(_group(row | {"condition": "clean"}))
            if row["condition"] != "clean" and partner is not None:
                taken.setdefault(_group(row)[:-1], {}).setdefault(row["seed"], (row, partner))
    return [_entry(list(pairs.values())) for pairs in taken.values()]


def _group(row: Document) -> tuple[Any, ...]:
    return (*(row[key] for key in GROUP), row["seed"])


def _entry(pairs: list[Pair]) -> Document:
    clean, entry = summarise([row for pair in pairs for row in reversed(pair)])
    return entry | {"clean_mean": clean["mean"]}

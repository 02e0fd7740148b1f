"""Numbers of a run: how rows that differ in their seed are summed up, and how several runs are pooled.

Everything here is plain documents, as they stand in results.json; those of earlier versions are understood, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import mean, stdev
from typing import Any

from unseg_cli.bench.conditions import CLEAN, PROTECTED

Document = dict[str, Any]
#: A row of a condition, and the clean row of the same victim, countermeasure and seed in the same run.
Pair = tuple[Document, Document]

#: Columns that tell rows of one table apart; the clean row that a drop refers to shares all but the condition.
GROUP = ("victim", "condition", "defence", "init", "ratio", "metric")


def relative_drop(clean: float, other: float) -> float | None:
    """How much of the clean metric is lost, in percent: 100 * (clean - other) / clean; None where clean is 0."""
    return 100 * (clean - other) / clean if clean > 0 else None


def summarise(rows: Iterable[Document]) -> list[Document]:
    """One entry for each group of rows that differ in their seed alone.

    Returns:
        The keys of `GROUP`, then mean and std (sample standard deviation, 0 for one seed) of the final metric, n, relative_drop in percent
        (of the means; None without a clean group under the same defence, or where that has `learned` nothing), and the same for the best
        epoch and for the mean over pictures.
    """
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in GROUP), []).append(row)

    def average(members: list[Document], column: str) -> float | None:
        values = [row[column] for row in members]
        return None if None in values else mean(values)

    summary = []
    for key, members in groups.items():
        entry: Document = dict(zip(GROUP, key, strict=True))
        clean = groups.get(tuple(CLEAN if name == "condition" else value for name, value in entry.items()))
        finals = [row["final"] for row in members]
        entry |= {"mean": mean(finals), "std": stdev(finals) if len(finals) > 1 else 0.0, "n": len(finals)}
        for column, suffix in (("final", ""), ("best", "best_"), ("final_per_picture", "per_picture_")):
            if suffix:
                entry[f"{suffix}mean"] = average(members, column)
            before, after = None if clean is None or not learned(clean) else average(clean, column), average(members, column)
            entry[f"{suffix}relative_drop"] = None if before is None or after is None else relative_drop(before, after)
        summary.append(entry)
    return summary


def learned(clean: Iterable[Document]) -> bool:
    """Whether victims of clean pictures beat who looks at none, on average; rows of earlier versions do not say what that one reaches."""
    margins = [row["final"] - row["floor"] for row in clean if "floor" in row]
    return not margins or mean(margins) > 0


def shortfall(summary: Iterable[Document], fail_under: float | None) -> tuple[str, ...]:
    """A line for every victim whose protected pictures lower the metric by less than `fail_under` percent.

    Judged without a countermeasure where that was run, else under every one that was.
    """
    if fail_under is None:
        return ()
    protected = [entry for entry in summary if entry["condition"] == PROTECTED]
    judged = [entry for entry in protected if entry["defence"] == "none"] or protected
    return tuple(
        f"{entry['victim']} ({entry['defence']}): relative drop {_percent(entry['relative_drop'])} is under {fail_under:g} %"
        for entry in judged
        if entry["relative_drop"] is None or entry["relative_drop"] < fail_under
    )


def _percent(drop: float | None) -> str:
    return "unknown (the clean score is 0)" if drop is None else f"{drop:.1f} %"


def pool(runs: Iterable[list[Document]]) -> list[Document]:
    """Mean, spread and drop over the seeds of several runs: of other seeds, or further conditions, of one setting.

    A victim's score depends on the machine, too (another processor rounds otherwise), so that a score is only ever compared with the clean
    one of its own run and seed. Pooled are the pairs.

    Args:
        runs: the rows of each run's results.json; all of the same data, sizes and schedules.

    Returns:
        An entry like those of `summarise` for each group but the clean ones, with `clean_mean` beside it: the mean of the clean rows
        that its own rows are compared with. A seed that several runs have counts once, as the run with the most seeds has it, of
        equals the first. Rows without a clean one in their run are omitted.
    """
    taken: dict[tuple[Any, ...], dict[int, Pair]] = {}
    for rows in sorted(runs, key=lambda rows: -len({row["seed"] for row in rows})):
        clean = {_group(row): row for row in rows if row["condition"] == CLEAN}
        for row in rows:
            partner = clean.get(_group(row | {"condition": CLEAN}))
            if row["condition"] != CLEAN and partner is not None:
                taken.setdefault(_group(row)[:-1], {}).setdefault(row["seed"], (row, partner))
    return [_entry(list(pairs.values())) for pairs in taken.values()]


def _group(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*(row[key] for key in GROUP), row["seed"])


def _entry(pairs: list[Pair]) -> Document:
    clean, entry = summarise([row for pair in pairs for row in reversed(pair)])
    return entry | {"clean_mean": clean["mean"]}

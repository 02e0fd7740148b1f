"""What the shipped generator is meant to reach, beside what it does reach. The list is docs/results/targets.json.

A target is one row of it, for every data set and victim that it names. It is judged by kept runs of the shipped weights alone, at the size
that it names, with the victims' own schedules and augmentation and the budget that `protect` has without options.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from unseg_cli.bench.conditions import RANDOM
from unseg_cli.bench.report.efficacy import defence_in_words
from unseg_cli.bench.report.kept import Pooled
from unseg_cli.bench.report.text import markdown_table, number
from unseg_cli.bench.report.visible import section as visible
from unseg_cli.core.budget import NoiseBudget

Document = dict[str, Any]

NOT_YET = "not measured yet"
INTRODUCTION = """What the shipped generator is meant to cost a victim, in percent of its clean score, and what it does cost: the mean over
the seeds, at the last epoch (*final*) and at the best one, picked on the test pictures themselves, which can only help the attacker.
Victims are trained with their own schedules and augmentation, and the noise is of the strength that `protect` has without options. Runs of
one setting with different seeds are taken together, each score beside the clean one of its own run and seed. The list is
`docs/results/targets.json`; a row is met where each of its lines below is. What was tried for one that is missed stands in
[results_tried.md](results_tried.md)."""
SUMMARY_HEADER = ("target", "protected with", "size", "final: aim", "mean", "worst", "best epoch: aim", "mean", "worst", "verdict")
HEADER = (
    *("target", "protected with", "data", "victim", "size", "defence", "clean"),
    *("final: aim", "drop", "best epoch: aim", "drop", "seeds", "verdict"),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to be measured: a target for one data set, victim and defence.

    Attributes:
        target: its entry in the list.
        data, victim, defence: names.
        source_size: what the longer side of all pictures is brought to first; None: nothing.
        aim: what the final score has to lose.
        entry: the pooled runs that measured it; None: not measured yet.
    """

    target: Document
    data: str
    victim: str
    defence: str
    source_size: int | None
    aim: float | None
    entry: Document | None

    @property
    def drop(self) -> float | None:
        """What the final score lost, in percent."""
        return None if self.entry is None else self.entry["relative_drop"]

    @property
    def best_drop(self) -> float | None:
        """What the score of the best epoch lost, in percent."""
        return None if self.entry is None else self.entry["best_relative_drop"]

    @property
    def verdict(self) -> str:
        """Whether all that is asked is met, and by how many seeds where they are too few."""
        if self.entry is None or self.drop is None or self.best_drop is None:
            return NOT_YET
        if "at_most" in self.target:
            reached = abs(self.drop) <= self.target["at_most"]
        else:
            reached = (self.aim is None or self.drop >= self.aim) and self.best_drop >= self.target.get("best", self.best_drop)
        few = f", {self.entry['n']} of {self.target['seeds']} seeds" if self.entry["n"] < self.target["seeds"] else ""
        return ("met" if reached else "missed") + few


def targets(docs: Path, pooled: Pooled) -> str:
    """Every target beside what was reached, measured or not; a summary of each row, then its lines."""
    path = docs / "results" / "targets.json"
    if not path.is_file():
        return ""
    summary: list[tuple[str, ...]] = []
    lines: list[tuple[str, ...]] = []
    for target in json.loads(path.read_text(encoding="utf-8")):
        cases = [
            case for data, victim in itertools.product(target["data"], target["victims"]) for case in _cases(target, data, victim, pooled)
        ]
        lines += [_line(case) for case in cases]
        averages = _averages(target, cases, pooled)
        lines += averages
        summary.append(_summary(target, cases, [row[-1] for row in averages]))
    tables = ["\n".join(markdown_table(SUMMARY_HEADER, summary)), "\n".join(markdown_table(HEADER, lines))]
    return "\n\n".join(["## Targets", INTRODUCTION, *tables, visible(docs)])


def measured(target: Document, data: str, victim: str, defence: str, source_size: int | None, pooled: Pooled) -> Document | None:
    """The pooled runs that a line of a target is judged by.

    Of a target for a part of the data ("part"), the largest part that was measured; of others, all of the data alone.
    """
    found = [
        (setting.limit is None, setting.limit or 0, entry)
        for setting, entries in pooled.items()
        if (setting.data, setting.size, setting.source_size, setting.budget) == (data, target["size"], source_size, NoiseBudget())
        and setting.like in ("own", "tuned")
        and (setting.limit is None or target.get("part", False))
        for entry in entries
        if (entry["victim"], entry["init"], entry["defence"], entry["condition"]) == (victim, "pretrained", defence, target["masks"])
        and entry["ratio"] == 1
    ]
    return max(found, key=lambda one: one[:2])[2] if found else None


def _cases(target: Document, data: str, victim: str, pooled: Pooled) -> list[Case]:
    cases = []
    for name, aim in target.get("defences", {"none": target.get("final")}).items():
        defence, _, size = name.partition(" ")  # "jpeg75 1600": of files whose longer side is 1600 px
        source_size = int(size) if size else None
        entry = measured(target, data, victim, defence, source_size, pooled)
        cases.append(Case(target=target, data=data, victim=victim, defence=defence, source_size=source_size, aim=aim, entry=entry))
    return cases


def _line(case: Case) -> tuple[str, ...]:
    target, entry = case.target, case.entry
    defence = defence_in_words(case.defence) + (f", files of {case.source_size} px" if case.source_size else "")
    aim = f"at most ±{target['at_most']}" if "at_most" in target else number(case.aim, 0)
    return (
        target["row"], target["what"], case.data, case.victim, f"{target['size']} px", defence,
        number(None if entry is None else entry["clean_mean"]), aim, number(case.drop, 0), number(target.get("best"), 0),
        number(case.best_drop, 0), "-" if entry is None else str(entry["n"]), case.verdict,
    )  # fmt: skip


def _averages(target: Document, cases: list[Case], pooled: Pooled) -> list[tuple[str, ...]]:
    """For each data set and victim of a target with defences: their mean beside the share of the undefended drop that it asks for."""
    if "mean_of_undefended" not in target:
        return []
    rows: list[tuple[str, ...]] = []
    for data, victim in dict.fromkeys((case.data, case.victim) for case in cases):
        drops = [case.drop for case in cases if (case.data, case.victim) == (data, victim)]
        known = [drop for drop in drops if drop is not None]
        undefended = measured(target, data, victim, "none", None, pooled)
        least = None if undefended is None else target["mean_of_undefended"] * undefended["relative_drop"]
        average = mean(known) if len(known) == len(drops) else None
        verdict = NOT_YET if average is None or least is None else "met" if average >= least else "missed"
        what = (target["row"], f"{target['what']}: mean", data, victim, f"{target['size']} px", "all of these", "-")
        rows.append((*what, number(least, 0), number(average, 0), "-", "-", "-", verdict))
    return rows


def _summary(target: Document, cases: list[Case], more: Iterable[str]) -> tuple[str, ...]:
    aims = {case.aim for case in cases}
    aim = f"at most ±{target['at_most']}" if "at_most" in target else number(aims.pop(), 0) if len(aims) == 1 else "each its own"
    verdicts = [*(case.verdict for case in cases), *more]
    missing = verdicts.count(NOT_YET)
    if missing:
        verdict = NOT_YET if missing == len(verdicts) else f"{len(verdicts) - missing} of {len(verdicts)} measured"
    else:
        verdict = "missed" if any(one.startswith("missed") for one in verdicts) else max(verdicts, key=len)
    final = _mean_and_worst({_who(case, cases): case.drop for case in cases}, target)
    best = _mean_and_worst({_who(case, cases): case.best_drop for case in cases}, target)
    return target["row"], target["what"], f"{target['size']} px", aim, *final, number(target.get("best"), 0), *best, verdict


def _who(case: Case, cases: list[Case]) -> str:
    """What tells a case apart from the others of its target."""
    names = {"data": case.data, "victim": case.victim, "defence": f"{case.defence} {case.source_size or ''}".strip()}
    differ = [name for name in ("data", "victim", "defence") if len({getattr(other, name) for other in cases}) > 1]
    return " ".join(names[name] for name in differ)


def _mean_and_worst(drops: dict[str, float | None], target: Document) -> tuple[str, str]:
    known = {who: drop for who, drop in drops.items() if drop is not None}
    if not known:
        return "-", "-"
    if target["masks"] == RANDOM:
        who, worst = max(known.items(), key=lambda one: abs(one[1]))
    else:
        who, worst = min(known.items(), key=lambda one: one[1])
    return number(mean(known.values()), 0), f"{number(worst, 0)}{f' ({who})' if who else ''}"

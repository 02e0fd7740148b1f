"""The runs that a report is about, read from their folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unseg_cli.bench.conditions import CLEAN, SPELLINGS
from unseg_cli.bench.headlines import HEADLINES
from unseg_cli.bench.results import pool
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.runs import TRAINING, read_json

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run left.

    Attributes:
        path: its folder.
        results, settings: results.json and run.json.
    """

    path: Path
    results: Document
    settings: Document

    @property
    def question(self) -> tuple[Any, ...]:
        """What it asked; runs that asked the same are merged: they have other seeds, victims, conditions or defences."""
        fixed = {name: value for name, value in self.settings["fixed"].items() if name not in ("out", "data")}
        sizes = (self.results["train_pictures"], self.results["test_pictures"])
        return self.results["data"], self.results["task"], sizes, str(sorted(fixed.items(), key=str)), self.settings.get("noise_code")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What several runs that asked the same have found.

    Attributes:
        runs: at least one.
        entries: see `pool`: one for each victim, defence and condition but the clean one, with `clean_mean` beside it.
    """

    runs: tuple[Run, ...]
    entries: tuple[Document, ...]

    @property
    def data(self) -> str:
        """As it was called."""
        return str(self.runs[0].results["data"])

    @property
    def task(self) -> str:
        """The task's name."""
        return str(self.runs[0].results["task"])

    @property
    def headline(self) -> str:
        """What the score is, in words."""
        return HEADLINES[self.task]

    @property
    def victims(self) -> tuple[tuple[str, str], ...]:
        """Victim and defence of the entries, each pair once."""
        return tuple(dict.fromkeys((entry["victim"], entry["defence"]) for entry in self.entries))

    def of(self, victim: str, defence: str) -> list[Document]:
        """The entries of a victim under a defence, protections first."""
        found = [entry for entry in self.entries if (entry["victim"], entry["defence"]) == (victim, defence)]
        return sorted(found, key=lambda entry: not SPELLINGS[entry["condition"]].ours)

    def floor(self, victim: str) -> float | None:
        """The score that needs no learning; None where the runs do not say."""
        floors = [row["floor"] for run in self.runs for row in run.results["rows"] if row["victim"] == victim and "floor" in row]
        return max(floors) if floors else None

    @property
    def smoke_test(self) -> bool:
        """Whether the pictures, or the trainings, are good for no more than to show that it runs."""
        return any(run.results["smoke_test"] or run.settings["settings"].get("quick") for run in self.runs)


def read_run(path: Path) -> Run:
    """What a run left.

    Raises:
        UsageProblem: it is no folder of a run, or the run is not finished.
    """
    results, settings = (read_json(path / name) for name in ("results.json", "run.json"))
    if not settings or settings.get("command") == TRAINING:
        raise UsageProblem(f"{path} is not what `unseg bench` left", hint="name the folder that was passed as --out")
    if not results:
        raise UsageProblem(f"{path}: the run is not finished", hint="run its command again with --resume")
    return Run(path=path, results=results, settings=settings)


def answers(runs: Iterable[Run]) -> list[Answer]:
    """The runs, those that asked the same together, in the order in which they come."""
    asked: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        asked.setdefault(run.question, []).append(run)
    return [Answer(runs=tuple(several), entries=tuple(_entries(several))) for several in asked.values()]


def _entries(runs: list[Run]) -> list[Document]:
    pooled = pool([run.results["rows"] for run in runs])
    known = {(entry["victim"], entry["defence"]) for entry in pooled}
    # Of victims that saw clean pictures alone there is nothing to compare, but something to say.
    alone = [
        entry | {"clean_mean": entry["mean"]}
        for run in runs
        for entry in run.results["summary"]
        if entry["condition"] == CLEAN and (entry["victim"], entry["defence"]) not in known
    ]
    return [*pooled, *alone]

"""RUN, the folder of a bench run: where its files lie, what it was made with, and whether it may be gone on with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unseg_cli.bench.augmentation import AUGMENTATIONS
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.examples import Prediction
from unseg_cli.bench.grid import Cell
from unseg_cli.bench.report.text import fraction
from unseg_cli.bench.victims.schedule import Schedule, find_augment
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.runs import environment_versions, read_json, read_training, write_atomically, write_json_atomically
from unseg_cli.core.shell import command_of
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.noise.version import NOISE_CODE

Document = dict[str, Any]

#: Settings that --resume may change: they add cells, or leave every cell's result as it is. The generator is compared by its hash.
GROWING = ("victims", "conditions", "defences", "seeds", "out", "resume", "fail_under", "device", "workers", "generator")


@dataclass(frozen=True)
class RunFolder:
    """The files of a run.

    Attributes:
        path: RUN itself.
    """

    path: Path

    @property
    def settings(self) -> Path:
        """run.json."""
        return self.path / "run.json"

    @property
    def noise(self) -> Path:
        """How strong each condition's noise is."""
        return self.path / "rows" / "noise.json"

    @property
    def prepared(self) -> Path:
        """The folder of prepared pictures, removed when all cells are done."""
        return self.path / "prepared"

    @property
    def samples(self) -> Path:
        """The sheet of sample pictures."""
        return self.path / "samples.png"

    def result(self, cell: Cell) -> Path:
        """The file of a finished cell."""
        return self.path / "rows" / f"{cell.key}.json"

    def predictions(self, cell: Cell) -> Path:
        """Label maps that its victim gave, for samples.png."""
        return self.path / "rows" / f"{cell.key}.pt"

    def write_cell(self, cell: Cell, document: Document, predictions: tuple[Prediction, ...]) -> None:
        """Keep a finished cell."""
        labels = torch.stack([prediction.labels for prediction in predictions])
        write_atomically(self.predictions(cell), lambda part: torch.save(labels, part))
        write_json_atomically(self.result(cell), document)

    def open(self, document: Document, *, resume: bool) -> Document:
        """Begin a run, or go on with one.

        Args:
            document: run.json as it would be for a new run.
            resume: whether the folder may hold results.

        Returns:
            run.json as it was written: of a run that goes on, the schedules of earlier victims are kept.

        Raises:
            UsageProblem: it holds results and `resume` is False, or they were made with other settings; or it holds a training.
        """
        if read_training(self.path) is not None:
            raise UsageProblem(f"--out {self.path} holds a training of `unseg train`", hint="pass another --out")
        if self.settings.exists() and any(self.path.glob("rows/*-seed*.json")):
            if not resume:
                raise UsageProblem(
                    f"--out {self.path} holds results already", hint="add --resume to go on with them, or pass another --out"
                )
            before = read_json(self.settings)
            self._compare(before, document)
            document = document | {
                "generator": document["generator"] or before["generator"],
                "schedules": {**before["schedules"], **document["schedules"]},
            }
        write_json_atomically(self.settings, document)
        return document

    def _compare(self, before: Document, document: Document) -> None:
        if before.get("noise_code") != document["noise_code"]:
            made_by = before.get("noise_code", "none on record")
            raise UsageProblem(
                f"--resume: {self.path} was made with another noise code ({made_by}; this version has {document['noise_code']})",
                hint="finish it with the version of unseg that began it (run.json names it), or pass another --out",
            )
        # Options that the version before did not have were at their default.
        changed = [name for name, value in document["fixed"].items() if before["fixed"].get(name, None if value else value) != value]
        if before["generator"] and document["generator"] and before["generator"]["sha256"] != document["generator"]["sha256"]:
            changed.append("generator")
        if changed:
            raise UsageProblem(f"--resume: {self.path} was made with another {changed[0]}", hint="use the same options, or another --out")


def run_document(
    config: BenchConfig,
    data: LabelledData,
    objects: tuple[int, ...],
    schedules: Mapping[str, Schedule],
    generator: GeneratorFile | None,
) -> Document:
    """run.json: the resolved settings, and all that a result depends on. `fixed` is what may not change on --resume."""
    settings = json.loads(json.dumps(dataclasses.asdict(config), default=str))
    return {
        "schema": 1,
        "command": command_line(config),
        "fixed": {name: value for name, value in settings.items() if name not in GROWING},
        "settings": settings,
        "data": {
            "name": data.name,
            "task": data.task,
            "classes": list(data.classes),
            "foreground_classes": [data.classes[label] for label in objects],
            "train_pictures": len(data.train),
            "test_pictures": len(data.test),
        },
        "generator": None if generator is None else {"name": generator.name, "sha256": generator.sha256},
        "noise_code": NOISE_CODE,
        "schedules": {name: dataclasses.asdict(schedule) for name, schedule in schedules.items()},
        "augmentation": AUGMENTATIONS[find_augment(config.augment)].in_words,
        "versions": environment_versions(),
    }


def budget_options(budget: NoiseBudget) -> list[str]:
    """The options that say the same as a budget: --epsilon alone sets no limit to what is seen."""
    words = ["--epsilon", fraction(budget.foreground), "--epsilon-bg", fraction(budget.background)]
    if budget.visible is not None:
        words += ["--max-difference", f"{budget.visible:g}"]
    if budget.closely is not None:
        words.append("--closely" if budget.closely else "--no-closely")
    return words if budget.min_cell == NoiseBudget.min_cell else [*words, "--min-cell", f"{budget.min_cell:g}"]


def command_line(config: BenchConfig) -> str:
    """The command that says the same as `config`; options at their default are omitted."""
    default, words = BenchConfig(), ["unseg", "bench"]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if (value == getattr(default, field.name) and field.name not in ("victims", "data")) or field.name in ("resume", "workers"):
            continue
        option = "--victim" if field.name == "victims" else "--" + field.name.replace("_", "-")
        if field.name == "budget":
            words += budget_options(value)
        elif isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            words += [option, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return command_of(words)

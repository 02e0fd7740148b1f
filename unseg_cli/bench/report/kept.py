"""The bench runs that are kept in docs/results/: what they were made with, and what they say together."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from unseg_cli.bench.conditions import MADE_BY_DETECT, PROTECTED, SPELLINGS
from unseg_cli.bench.report.text import data_name
from unseg_cli.bench.results import pool
from unseg_cli.bench.victims.registry import find_victim
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.generators.sums import read_sums

Document = dict[str, Any]

#: The augmentation of rows and lines that do not say theirs: of the time when there was no other.
UNSAID = "crops"
#: What runs that say nothing of it had: no limit to what is seen, and cells of any size.
WITHOUT_LIMIT: dict[str, Any] = {"visible": None, "min_cell": 1.0}
#: What is kept of a run.
FILES = ("results.json", "results.csv", "curves.csv", "summary.md", "run.json", "bars.png", "curves.png")
BEFOREHAND = "beforehand.json"
LARGEST = 250_000  # bytes of one kept file: the curves of seven countermeasures over two seeds take 165 kB
#: The version of the code that draws noise (`noise/version.py`) since which pictures that people look at closely get less of it.
CLOSE_NOISE = 7
#: How the source of masks is written where conditions of several runs stand side by side, beside those of --protect-masks.
PER_CLASS = "per-class"
#: How a victim was trained: in every way as it is without options; that but for size or number of pictures; as when the first generator
#: was measured; otherwise.
Like = Literal["own", "tuned", "first", "other"]


class Setting(NamedTuple):
    """What rows must share to be compared, beside victim, start and countermeasure.

    Attributes:
        data: the data set's name.
        limit: at most so many pictures of it; None: all.
        size: the longer side of the training pictures, in pixels.
        epochs: how long victims were trained.
        augment: what was done to every batch, see `bench/augmentation.py`.
        lr: the peak learning rate where it is not the victim's own, now or then, else 0.
        budget: of the noise.
        source_size: what the longer side of all pictures was brought to before anything else, in pixels; None: they were left alone.
        like: see `Like`.
    """

    data: str
    limit: int | None
    size: int
    epochs: int
    augment: str
    lr: float
    budget: NoiseBudget
    source_size: int | None
    like: Like


@dataclass(frozen=True, kw_only=True)
class First:
    """What the first generator was measured with, and meant to reach; docs/results/first.json, so that this is not forgotten.

    Attributes:
        weights: its hash.
        schedules: by task and start, what a victim's schedule was then: image_size, epochs, lr.
        targets: as they were then, see `report/first.py`.
    """

    weights: str
    schedules: dict[str, dict[str, dict[str, Any]]]
    targets: list[Document]

    def schedule(self, task: str, init: str) -> dict[str, Any]:
        """What a victim's schedule was then; {} for a task that was not measured."""
        by_init = self.schedules.get(task, {})
        return by_init.get(init) or by_init.get("pretrained", {})


#: The pooled entries of each setting, with the source of the masks as the condition of those that are protected.
Pooled = dict[Setting, list[Document]]


@dataclass(frozen=True)
class KeptRun:
    """One run.

    Attributes:
        folder: docs/results/NAME.
        shipped: the hash of the weights that ship now; None: they are not there to compare with.
        first: what the first generator was measured with, see `First`.
    """

    folder: Path
    shipped: str | None
    first: First | None = None

    @property
    def name(self) -> str:
        """What the page calls it."""
        return self.folder.name

    @cached_property
    def results(self) -> Document:
        """results.json; rows of earlier versions have no `scores`."""
        return _read(self.folder / "results.json")

    @cached_property
    def run(self) -> Document:
        """run.json; that of earlier versions has no `noise_code`."""
        return _read(self.folder / "run.json")

    @cached_property
    def beforehand(self) -> Document:
        """What was done before a run of pictures protected earlier: commands, masks, weights; {} for other runs."""
        path = self.folder / BEFOREHAND
        return _read(path) if path.is_file() else {}

    @property
    def outdated(self) -> bool:
        """Whether it was made with another generator than the one that ships now."""
        return not self.made_with(self.shipped)

    def made_with(self, weights: str | None) -> bool:
        """Whether it was made with weights of this hash (None: any); random noise and the rival need none."""
        used = self.beforehand.get("weights") or (self.run["generator"] or {}).get("sha256")
        return used is None or weights is None or used == weights

    def masks_of(self, condition: str) -> str:
        """Where a protection of ours had its masks from: a source of --protect-masks, `PER_CLASS`, or in words; else the condition."""
        meant = SPELLINGS[condition]
        if not meant.ours:
            return condition
        if meant.noise == "per-class":
            return PER_CLASS
        if condition == PROTECTED:
            return self.beforehand.get("masks") or self.results["protect_masks"]
        return str(meant.masks)

    def rows(self) -> list[tuple[Setting, Document]]:
        """Its rows, with their setting, and the source of masks as their condition. Rows without noise of ours stand in every setting.

        Without those that `shown_more`.
        """
        budgets = {row["condition"]: self._budget(row["condition"]) for row in self.results["rows"]}
        ours = {budget for condition, budget in budgets.items() if SPELLINGS[condition].ours} or {*budgets.values()}
        return [
            (self._setting(row, budget), row | {"condition": self.masks_of(row["condition"])})
            for row in self.results["rows"]
            for budget in ([budgets[row["condition"]]] if SPELLINGS[row["condition"]].ours else ours)
            if not self.shown_more(row["condition"])
        ]

    def shown_more(self, condition: str) -> bool:
        """Whether its noise was hidden from people who look closely, but not as well as it is now: what that cost says nothing any more."""
        budget, by_default = self._budget(condition), _hidden_by_default(self.masks_of(condition))
        hidden = SPELLINGS[condition].ours and budget.visible is not None and budget.looked_at_closely(by_default=by_default)
        return hidden and int(self.run.get("noise_code", CLOSE_NOISE)) < CLOSE_NOISE

    def _budget(self, condition: str) -> NoiseBudget:
        """Its budget, see `told_apart`. Runs of earlier versions do not say all of it."""
        masks = self.masks_of(condition)
        said = WITHOUT_LIMIT | {"closely": masks == "auto"} | self.run["settings"]["budget"]
        return told_apart(NoiseBudget(**said), masks)

    def _setting(self, row: Document, budget: NoiseBudget) -> Setting:
        settings, used = self.run["settings"], self.run["schedules"][row["victim"]]
        own = dataclasses.asdict(find_victim(row["victim"]).schedules_from(row["init"])[self.results["task"]])
        then = {} if self.first is None else self.first.schedule(self.results["task"], row["init"])
        augment, whole, source_size = row.get("augment", UNSAID), settings["limit"] is None, settings.get("source_size")
        like: Like = "other"
        if augment == own["augment"] and all(used[name] == own[name] for name in ("epochs", "lr")):
            like = "own" if whole and source_size is None and used["image_size"] == own["image_size"] else "tuned"
        elif augment == UNSAID and whole and then and all(used[name] == value for name, value in then.items()):
            like = "first"
        usual = then.get("lr", own["lr"]) if augment == UNSAID else own["lr"]
        return Setting(
            data=data_name(self.results["data"], self.results["task"]),
            limit=settings["limit"],
            size=max(row["height"], row["width"]),
            epochs=row["epochs"],
            augment=augment,
            lr=0.0 if used["lr"] == usual else used["lr"],
            budget=budget,
            source_size=source_size,
            like=like,
        )


def told_apart(budget: NoiseBudget, masks: str) -> NoiseBudget:
    """A budget of noise on such masks, whose `closely` is None where it is what it is without options, or where nothing limits it."""
    usual = _hidden_by_default(masks)
    is_so = budget.looked_at_closely(by_default=usual)
    return replace(budget, closely=None if is_so == usual or budget.visible is None else is_so)


def _hidden_by_default(masks: str) -> bool:
    return masks == "auto" or masks in MADE_BY_DETECT


def kept_runs(docs: Path) -> list[KeptRun]:
    """All of docs/results/, by name."""
    shipped, first = shipped_weights(docs), first_generator(docs)
    return [KeptRun(path.parent, shipped, first) for path in sorted((docs / "results").glob("*/results.json"))]


def first_generator(docs: Path) -> First | None:
    """docs/results/first.json; None where there is none."""
    path = docs / "results" / "first.json"
    return First(**_read(path)) if path.is_file() else None


def shipped_weights(docs: Path) -> str | None:
    """The hash of the weights that ship now, from weights/SHA256SUMS beside `docs`; None without that file."""
    return read_sums(docs.parent / "weights").get("lite.safetensors")


def keep(run: Path, docs: Path) -> Path:
    """Copy what is kept of a run; gives the new folder.

    Raises:
        UsageProblem: the run is not finished, or one of its files is too large to be kept.
    """
    missing = [name for name in FILES if not (run / name).is_file()]
    if missing:
        raise UsageProblem(f"{run} is not a finished bench run: {missing[0]} is missing", hint="finish it with --resume")
    large = [name for name in FILES if (run / name).stat().st_size > LARGEST]
    if large:
        raise UsageProblem(f"{run / large[0]} is larger than {LARGEST} bytes", hint="keep runs of fewer rows")
    kept = docs / "results" / run.resolve().name
    kept.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(run / name, kept / name)
    return kept


def pooled(runs: list[KeptRun], weights: str | None) -> Pooled:
    """What the weights of this hash cost (None: any weights), over all runs."""
    by_setting: dict[Setting, dict[Path, list[Document]]] = {}
    for run in runs:
        if not run.made_with(weights):
            continue
        for setting, row in run.rows():
            by_setting.setdefault(setting, {}).setdefault(run.folder, []).append(row)
    return {setting: pool(by_folder.values()) for setting, by_folder in by_setting.items()}


def victim_of(entry: Document) -> tuple[str, str, str]:
    """Victim, start and countermeasure: what entries of one setting must share to be compared."""
    return entry["victim"], entry["init"], entry["defence"]


def _read(path: Path) -> Document:
    return json.loads(path.read_text(encoding="utf-8"))

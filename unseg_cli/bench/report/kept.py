"""The bench runs that are kept in docs/results/: what they were made with, and what they say together."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from unseg_cli.bench.conditions import PROTECTED, SPELLINGS
from unseg_cli.bench.results import pool
from unseg_cli.bench.victims.registry import VICTIMS
from unseg_cli.core.errors import UsageProblem
from unseg_cli.generators.sums import read_sums

Document = dict[str, Any]

#: The augmentation of rows and lines that do not say theirs: of the time when there was no other.
UNSAID = "crops"
#: What is kept of a run.
FILES = ("results.json", "results.csv", "curves.csv", "summary.md", "run.json", "bars.png", "curves.png")
BEFOREHAND = "beforehand.json"
LARGEST = 250_000  # bytes of one kept file: the curves of seven countermeasures over two seeds take 165 kB
#: How the source of masks is written where conditions of several runs stand side by side, beside those of --protect-masks.
PER_CLASS = "per-class"


class Setting(NamedTuple):
    """What rows must share to be compared, beside victim, start and countermeasure.

    Attributes:
        data: the data set's name.
        limit: at most so many pictures of it; None: all.
        size: the longer side of the training pictures, in pixels.
        epochs: how long victims were trained.
        augment: what was done to every batch, see `bench/augmentation.py`.
        lr: the peak learning rate where it is not the victim's own, else 0.
        own: whether size, schedule and number of pictures are those that the victims have without options.
    """

    data: str
    limit: int | None
    size: int
    epochs: int
    augment: str
    lr: float
    own: bool


#: The pooled entries of each setting, with the source of the masks as the condition of those that are protected.
Pooled = dict[Setting, list[Document]]


@dataclass(frozen=True)
class KeptRun:
    """One run.

    Attributes:
        folder: docs/results/NAME.
        shipped: the hash of the weights that ship now; None: they are not there to compare with.
    """

    folder: Path
    shipped: str | None

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
        """Whether it was made with another generator than the one that ships now; random noise and the rival need none."""
        used = self.beforehand.get("weights") or (self.run["generator"] or {}).get("sha256")
        return used is not None and self.shipped is not None and used != self.shipped

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
        """Its rows, with their setting, and the source of masks as their condition."""
        return [(self._setting(row), row | {"condition": self.masks_of(row["condition"])}) for row in self.results["rows"]]

    def _setting(self, row: Document) -> Setting:
        limit, used = self.run["settings"]["limit"], self.run["schedules"][row["victim"]]
        own = VICTIMS[row["victim"]].schedules_from(row["init"])[self.results["task"]]
        as_own = limit is None and all(used[name] == getattr(own, name) for name in ("image_size", "epochs", "lr"))
        lr = 0.0 if used["lr"] == own.lr else used["lr"]
        return Setting(
            Path(self.results["data"]).name, limit, max(row["height"], row["width"]), row["epochs"], row.get("augment", UNSAID), lr, as_own
        )


def kept_runs(docs: Path) -> list[KeptRun]:
    """All of docs/results/, by name."""
    shipped = shipped_weights(docs)
    return [KeptRun(path.parent, shipped) for path in sorted((docs / "results").glob("*/results.json"))]


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


def pooled(runs: list[KeptRun]) -> Pooled:
    """What the shipped weights cost, over all runs."""
    by_setting: dict[Setting, dict[Path, list[Document]]] = {}
    for run in runs:
        if run.outdated:
            continue
        for setting, row in run.rows():
            by_setting.setdefault(setting, {}).setdefault(run.folder, []).append(row)
    return {setting: pool(by_folder.values()) for setting, by_folder in by_setting.items()}


def victim_of(entry: Document) -> tuple[str, str, str]:
    """Victim, start and countermeasure: what entries of one setting must share to be compared."""
    return entry["victim"], entry["init"], entry["defence"]


def _read(path: Path) -> Document:
    return json.loads(path.read_text(encoding="utf-8"))

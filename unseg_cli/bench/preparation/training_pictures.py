"""The training pictures of a run: each is changed once for all conditions, countermeasures and sizes that need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unseg_cli.bench.conditions import Condition
from unseg_cli.bench.countermeasures.base import Countermeasure
from unseg_cli.bench.countermeasures.registry import COUNTERMEASURES
from unseg_cli.bench.grid import PictureSet, Size
from unseg_cli.bench.preparation.cache import PictureCache, RowFiles
from unseg_cli.bench.preparation.maker import Drawn, Original
from unseg_cli.bench.preparation.visibility import Seen, Visibility, look, put_together
from unseg_cli.bench.preparation.work import Work, fill_labels, to_size
from unseg_cli.core.events import Events


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What the cache does not hold yet of the training pictures.

    Attributes:
        sets: those whose pictures are missing.
        labels: files of label maps, by the countermeasure that moves them and their size.
        conditions: those of the sets, and those whose noise is to be measured.
    """

    sets: tuple[PictureSet, ...]
    labels: dict[tuple[str, Size], Path]
    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, cache: PictureCache, wanted: Sequence[PictureSet], known: set[str]) -> Missing:
        """Of these sets; the noise of conditions with known names was measured before."""
        sets = tuple(one for one in wanted if not cache.train(one).exists())
        places = dict.fromkeys((moved_by(one.countermeasure), one.size) for one in wanted)
        labels = {(moved, size): cache.labels("train", size, moved) for moved, size in places}
        conditions = dict.fromkeys(one.condition for one in wanted if one in sets or one.condition.name not in known)
        return cls(sets=sets, labels={key: path for key, path in labels.items() if not path.exists()}, conditions=tuple(conditions))

    @property
    def measured(self) -> list[Condition]:
        """The conditions whose noise is measured."""
        return [condition for condition in self.conditions if not condition.clean]

    def __bool__(self) -> bool:
        return bool(self.sets or self.labels or self.measured)


class TrainingPictures:
    """Makes and stores what is missing of one picture; several threads may, of different ones.

    Args:
        work: where they come from and go.
        missing: what is made.
        steps: every countermeasure of the sets, after it has learned what it learns.
        files: open, with all that is missing in it.
    """

    def __init__(self, work: Work, missing: Missing, steps: dict[str, Countermeasure], files: RowFiles) -> None:
        self._work, self._missing, self._steps, self._files = work, missing, steps, files

    def store(self, number: int, original: Original, drawn: Drawn) -> list[Seen]:
        """Store a picture under every condition; what is seen of the noise of each that is measured."""
        made = self._work.maker.make(original, drawn, self._missing.conditions, number)
        target = self._work.task.target(original.truth)
        sizes: dict[tuple[Condition, str], list[PictureSet]] = {}
        for one in self._missing.sets:
            sizes.setdefault((one.condition, one.countermeasure), []).append(one)
        for (condition, countermeasure), sets in sizes.items():
            image, _ = self._steps[countermeasure].store(made[condition], target, number)
            for one in sets:
                self._files.fill(self._work.cache.train(one), number, to_size(image, one.size))
        for moved in dict.fromkeys(moved for moved, _ in self._missing.labels):
            _, kept = COUNTERMEASURES[moved].store(original.image, target, number)
            fill_labels(self._files, {size: path for (by, size), path in self._missing.labels.items() if by == moved}, number, kept)
        return [look(original.image, made[condition], number=number) for condition in self._missing.measured]


def prepare_training(work: Work, wanted: Sequence[PictureSet], known: set[str], steps: dict[str, Countermeasure]) -> dict[str, Visibility]:
    """Prepare sets of training pictures where the cache does not hold them yet.

    Args:
        work: where they come from and go.
        wanted: the sets.
        known: the names of conditions whose noise was measured before.
        steps: every countermeasure of the sets, after it has learned what it learns.

    Returns:
        See `prepare`.
    """
    missing = Missing.of(work.cache, wanted, known)
    if not missing:
        return {}
    count = len(work.data.train)
    shapes: dict[Any, tuple[int, ...]] = {work.cache.train(one): (count, *one.size, 3) for one in missing.sets}
    shapes |= {path: (count, *size) for (_, size), path in missing.labels.items()}
    seen: dict[Condition, list[Seen]] = {condition: [] for condition in missing.measured}
    corrected = dict.fromkeys((one for one in missing.measured if one.masks == "corrected"), 0)
    work.events.start(count, "preparing training pictures")
    with RowFiles(shapes, missing.labels.values() if work.task.tells_objects else ()) as files:
        pictures = TrainingPictures(work, missing, steps, files)
        for first, originals in work.originals(work.data.train):
            drawn = work.maker.draw(originals, missing.conditions)
            for condition in corrected:
                corrected[condition] += sum(one[condition].mask_source == "file" for one in drawn)
            for found in work.each(pictures.store, range(first, first + len(originals)), originals, drawn):
                for condition, one in zip(missing.measured, found, strict=True):
                    seen[condition].append(one)
                work.events.advance()
    work.events.stop()
    for condition, values in seen.items():
        _warn_of_unprotected(condition, values, work.events)
    counted: dict[Condition, Visibility] = {condition: {"corrected": number} for condition, number in corrected.items()}
    return {condition.name: put_together(values) | counted.get(condition, {}) for condition, values in seen.items()}


def moved_by(countermeasure: str) -> str:
    """Which countermeasure label maps go through: those of all that leave them alone are the same."""
    return countermeasure if COUNTERMEASURES[countermeasure].moves else "none"


def _warn_of_unprotected(condition: Condition, values: list[Seen], events: Events) -> None:
    """An owner who hands the originals over would read that protection does nothing. Under a ratio the others are clean on purpose."""
    same = sum(one.difference.linf_255 == 0 for one in values)
    if condition.noise == "ready" and condition.share == 1 and same:
        events.warn(f"{same} of {len(values)} pictures of --protected equal their clean ones: nothing protects them")

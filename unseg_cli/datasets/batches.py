"""Training batches: samples of all sets, shuffled and augmented so that step N is the same in every run, on any number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unseg_cli.core.common_settings import SCALES
from unseg_cli.core.errors import UnsegError
from unseg_cli.core.events import Events
from unseg_cli.datasets.augment import augment
from unseg_cli.datasets.training_set import Pair, TrainingSet

#: So many pictures in a row that cannot be read are no accident any more.
GIVE_UP = 8


@dataclass(frozen=True)
class Rows:
    """Which pictures of every batch a process has.

    Attributes:
        first: place of its first one.
        count: how many.
        total: pictures of the whole batch.
    """

    first: int
    count: int
    total: int


@dataclass(frozen=True)
class Batch:
    """A batch, or the part of one that a process has.

    Attributes:
        image: (B, 3, S, S) in [0, 1].
        mask: (B, 1, S, S) of 0 and 1.
        salient: whether every mask of the whole batch is THE object of its picture, see `Pair`.
        unreadable: pictures that could not be read, and why; others stand in their places.
    """

    image: Tensor
    mask: Tensor
    salient: bool
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.image.shape[0])

    def parts(self, count: int) -> list[Batch]:
        """The same in `count` parts of nearly equal size; fewer where there are fewer pictures."""
        images, masks = self.image.tensor_split(min(count, len(self))), self.mask.tensor_split(min(count, len(self)))
        return [replace(self, image=image, mask=mask) for image, mask in zip(images, masks, strict=True)]


class _Slots(Dataset[tuple[Tensor, Tensor, str]]):
    """Slot n is the n-th training picture ever seen: its sample, crop and flip depend on (seed, n) alone.

    So a resumed run sees what an uninterrupted one would have, whatever the number of workers and processes. Items are the slots of
    steps `start` to `stop` - 1 that these rows of each batch are.
    """

    def __init__(
        self, sets: list[TrainingSet], *, size: int, seed: int, start: int, stop: int, rows: Rows, scales: tuple[float, float]
    ) -> None:
        self.sets, self.size, self.seed, self.rows = sets, size, seed, rows
        self.start, self.stop, self.scales = start, stop, scales
        self.ends = np.cumsum([len(one) for one in sets])

    def __len__(self) -> int:
        return (self.stop - self.start) * self.rows.count

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, str]:
        step, row = divmod(item, self.rows.count)
        slot = (self.start + step) * self.rows.total + self.rows.first + row
        which, index = self._place(slot)
        rng = np.random.default_rng((self.seed, slot))
        pair, complaint = _readable(self.sets[which], index, rng)
        image, mask = augment(pair.image, pair.mask, self.size, rng, scales=self.scales)
        return image, mask, complaint

    def salient(self, step: int) -> bool:
        """See `Batch`, for a step; nothing is read for it."""
        slots = range(step * self.rows.total, (step + 1) * self.rows.total)
        return all(self.sets[self._place(slot)[0]].salient for slot in slots)

    def _place(self, slot: int) -> tuple[int, int]:
        """Which set, and which of its pictures."""
        epoch, place = divmod(slot, int(self.ends[-1]))
        index = int(_order(self.seed, epoch, int(self.ends[-1]))[place])
        which = int(np.searchsorted(self.ends, index, side="right"))
        return which, index - int(self.ends[which] - len(self.sets[which]))


def _readable(pictures: TrainingSet, index: int, rng: np.random.Generator) -> tuple[Pair, str]:
    """The pair at `index`; where it cannot be read, another one of the set and a complaint.

    Raises:
        UnsegError: neither it nor several others can be read.
    """
    complaints: list[str] = []
    while len(complaints) < GIVE_UP:
        try:
            return pictures.read(index, rng), "\n".join(complaints)
        except UnsegError as problem:
            complaints.append(problem.message)
        index = int(rng.integers(len(pictures)))
    raise UnsegError(
        f"{GIVE_UP} pictures in a row cannot be read, first: {complaints[0]}", hint="check --data; --dry-run looks at all of it"
    )


class Unreadable:
    """Pictures that could not be read, each said once.

    Args:
        events: is told.
    """

    def __init__(self, events: Events) -> None:
        self._events, self._said = events, set[str]()

    def add(self, complaints: tuple[str, ...]) -> None:
        """Of one batch."""
        for complaint in complaints:
            if complaint not in self._said:
                self._said.add(complaint)
                self._events.warn(f"{complaint}; another picture takes its place")

    def __len__(self) -> int:
        return len(self._said)


_orders: dict[tuple[int, int, int], np.ndarray] = {}


def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    key = (seed, epoch, count)
    if key not in _orders:
        _orders.clear()
        _orders[key] = np.random.default_rng((seed, 7, epoch)).permutation(count)
    return _orders[key]


def pictures_in(sets: list[TrainingSet]) -> int:
    """Pictures an epoch has."""
    return sum(len(one) for one in sets)


def batches(
    sets: list[TrainingSet],
    *,
    size: int,
    batch_size: int,
    seed: int,
    start_step: int,
    stop_step: int,
    workers: int,
    scales: tuple[float, float] = SCALES,
    rows: Rows | None = None,
) -> Iterator[Batch]:
    """The batches of steps start_step to stop_step - 1, each picture at a random scale of this range.

    Args:
        sets: to draw from.
        size: side of the square pictures in pixels.
        batch_size: pictures of a whole batch.
        seed: decides with the step what is in a batch.
        start_step: of the first batch.
        stop_step: of the one after the last.
        workers: processes that read; 0: this one does.
        scales: see `augment`.
        rows: those of each batch that are wanted; None: all.

    Raises:
        UnsegError: nearly nothing can be read.
    """
    rows = rows or Rows(0, batch_size, batch_size)
    slots = _Slots(sets, size=size, seed=seed, start=start_step, stop=stop_step, rows=rows, scales=scales)
    # An own generator: the loader draws its base seed from it, and must leave the run's random stream alone.
    loader = DataLoader(slots, batch_size=rows.count, num_workers=workers, shuffle=False, generator=torch.Generator().manual_seed(seed))
    for step, (image, mask, complaints) in enumerate(loader, start_step):
        unreadable = tuple(line for complaint in complaints for line in complaint.splitlines())
        yield Batch(image, mask, slots.salient(step), unreadable)

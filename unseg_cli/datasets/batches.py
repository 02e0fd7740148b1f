"""Training batches: samples of all sets, shuffled and augmented so that step N is the same in every run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unseg_cli.datasets.augment import SCALES, augment
from unseg_cli.datasets.training_set import TrainingSet


@dataclass(frozen=True)
class Batch:
    """image (B, 3, S, S) in [0, 1]; mask (B, 1, S, S) of 0 and 1; salient (B,) bool."""

    image: Tensor
    mask: Tensor
    salient: Tensor


class _Slots(Dataset[tuple[Tensor, Tensor, bool]]):
    """Item n is the n-th training picture ever seen: its sample, crop and flip depend on (seed, n) alone.

    So a resumed run sees what an uninterrupted one would have, whatever the number of workers.
    """

    def __init__(self, sets: list[TrainingSet], *, size: int, seed: int, start: int, stop: int, scales: tuple[float, float]) -> None:
        self.sets, self.size, self.seed = sets, size, seed
        self.start, self.stop, self.scales = start, stop, scales
        self.ends = np.cumsum([len(one) for one in sets])

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, bool]:
        slot = self.start + item
        epoch, place = divmod(slot, int(self.ends[-1]))
        index = int(_order(self.seed, epoch, int(self.ends[-1]))[place])
        which = int(np.searchsorted(self.ends, index, side="right"))
        rng = np.random.default_rng((self.seed, slot))
        pair = self.sets[which].read(index - int(self.ends[which] - len(self.sets[which])), rng)
        image, mask = augment(pair.image, pair.mask, self.size, rng, scales=self.scales)
        return image, mask, pair.salient


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
) -> Iterator[Batch]:
    """The batches of steps start_step to stop_step - 1, each picture at a random scale of this range."""
    slots = _Slots(sets, size=size, seed=seed, start=start_step * batch_size, stop=stop_step * batch_size, scales=scales)
    # An own generator: the loader draws its base seed from it, and must leave the run's random stream alone.
    loader = DataLoader(slots, batch_size=batch_size, num_workers=workers, shuffle=False, generator=torch.Generator().manual_seed(seed))
    for image, mask, salient in loader:
        yield Batch(image, mask, salient)

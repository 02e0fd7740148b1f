"""The random numbers of one training step, the same for a picture however the batch is divided among processes and smaller batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Draws:
    """Draws for a whole batch and hands out the rows that are asked for.

    Whatever draws has to do so in the same order for every part of a batch, and as often: so no branch may depend on what is in the
    pictures.

    Args:
        seed: of the step.
        total: pictures of the whole batch, over all processes.
        first: place in it of the first picture that is at hand.
    """

    def __init__(self, seed: int, *, total: int, first: int = 0) -> None:
        self.seed, self.total, self.first = seed, total, first
        self._rng = torch.Generator().manual_seed(seed)

    def chance(self) -> float:
        """A number in [0, 1) for the whole batch."""
        return float(torch.rand((), generator=self._rng))

    def integer(self, low: int, high: int) -> int:
        """One of low .. high - 1, for the whole batch."""
        return int(torch.randint(low, high, (), generator=self._rng))

    def uniform(self, own: int, *shape: int) -> Tensor:
        """(own, *shape) in [0, 1), for the own pictures."""
        return torch.rand((self.total, *shape), generator=self._rng)[self.first : self.first + own]

    def normal(self, own: int, *shape: int) -> Tensor:
        """(own, *shape) of the normal distribution, for the own pictures."""
        return torch.randn((self.total, *shape), generator=self._rng)[self.first : self.first + own]

    def places(self, highs: Sequence[int], count: int) -> list[Tensor]:
        """(count,) of 0 .. high - 1 for each own picture."""
        rows = range(self.first, self.first + len(highs))
        drawn = [
            torch.randint(highs[row - self.first] if row in rows else 1, (count,), generator=self._rng) for row in range(self.total)
        ]  # the others' numbers are drawn, too: as many whatever the limit
        return drawn[self.first : self.first + len(highs)]

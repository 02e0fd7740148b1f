"""Batches that the device's memory does not hold."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from unseg_cli.bench.countermeasures.base import Part
from unseg_cli.bench.examples import Batch, Target
from unseg_cli.bench.fit import FittingMemory
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.core.events import Events


class Told(Events):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class Small:
    """A network on a device that holds so many pictures."""

    def __init__(self, holds: int) -> None:
        torch.manual_seed(0)
        self.network, self.holds, self.seen = nn.Conv2d(3, 1, 3), holds, []
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.1)

    def losses(self, batch: Batch) -> Tensor:
        if len(batch.targets) > self.holds:
            raise torch.OutOfMemoryError("too large")
        self.seen.append(len(batch.targets))
        return self.network(batch.images).square().mean()


def batch(count: int = 6) -> Batch:
    images = torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return Batch(images=images, targets=tuple(Target(labels=torch.zeros(32, 32)) for _ in range(count)))


def test_halves_give_the_same_step_and_it_is_said_once() -> None:
    whole, halved, events = Small(6), Small(2), Told()
    fitting = FittingMemory(events)
    expected = FittingMemory(Told()).gradients((Part(1.0, batch()),), whole.losses, whole.optimizer)
    found = fitting.gradients((Part(1.0, batch()),), halved.losses, halved.optimizer)
    assert found == pytest.approx(expected, rel=1e-5)
    for one, other in zip(whole.network.parameters(), halved.network.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-6)
    assert fitting.parts == 4
    assert events.warnings == [f"out of memory: batches are taken in {parts} parts from here on" for parts in (2, 4)]
    fitting.gradients((Part(1.0, batch()),), halved.losses, halved.optimizer)
    assert len(events.warnings) == 2 and sum(halved.seen[-4:]) == 6


def test_parts_of_weighted_losses_count_as_their_whole() -> None:
    whole, halved = Small(6), Small(1)
    parts = (Part(0.3, batch()), Part(0.7, batch(4)))
    expected = FittingMemory(Told()).gradients(parts, whole.losses, whole.optimizer)
    assert FittingMemory(Told()).gradients(parts, halved.losses, halved.optimizer) == pytest.approx(expected, rel=1e-5)


def test_where_one_picture_is_too_much_the_bench_ends() -> None:
    small = Small(0)
    with pytest.raises(EnvironmentProblem, match="does not hold one picture") as caught:
        FittingMemory(Told()).gradients((Part(1.0, batch()),), small.losses, small.optimizer)
    assert "--image-size" in caught.value.hint

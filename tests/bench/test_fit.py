"""Batches that the device's memory does not hold, and such as hold too little."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.countermeasures.base import Part
from unseg_cli.bench.countermeasures.registry import COUNTERMEASURES
from unseg_cli.bench.examples import Batch, Examples, Prediction, Target
from unseg_cli.bench.fit import FittingMemory, predict_all
from unseg_cli.bench.run import bench
from unseg_cli.bench.victims.base import LITE0, Victim
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
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


def alone(seen: Batch) -> tuple[Part, ...]:
    return (Part(1.0, seen),)


def test_halves_give_the_same_step_and_it_is_said_once() -> None:
    whole, halved, events = Small(6), Small(2), Told()
    fitting = FittingMemory(events)
    expected = FittingMemory(Told()).gradients(batch(), alone, whole.losses, whole.optimizer)
    found = fitting.gradients(batch(), alone, halved.losses, halved.optimizer)
    assert found == pytest.approx(expected, rel=1e-5)
    for one, other in zip(whole.network.parameters(), halved.network.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-6)
    assert fitting.parts == 4
    assert events.warnings == [f"out of memory: batches are taken in {parts} parts from here on" for parts in (2, 4)]
    fitting.gradients(batch(), alone, halved.losses, halved.optimizer)
    assert len(events.warnings) == 2 and sum(halved.seen[-4:]) == 6


def test_parts_of_weighted_losses_count_as_their_whole() -> None:
    whole, halved = Small(6), Small(1)

    def change(seen: Batch) -> tuple[Part, ...]:
        return Part(0.3, seen), Part(0.7, Batch(images=1 - seen.images, targets=seen.targets))

    expected = FittingMemory(Told()).gradients(batch(), change, whole.losses, whole.optimizer)
    assert FittingMemory(Told()).gradients(batch(), change, halved.losses, halved.optimizer) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["ueraser", "adversarial"])
def test_what_a_countermeasure_asks_of_the_victim_counts_too(name: str) -> None:
    halved, fitting, draw = Small(2), FittingMemory(Told()), torch.Generator().manual_seed(0)
    loss = fitting.gradients(batch(), lambda seen: COUNTERMEASURES[name].batch(seen, draw, halved.losses), halved.losses, halved.optimizer)
    assert loss > 0 and fitting.parts == 4 and max(halved.seen) <= 2


def test_fewer_pictures_at_a_time_are_judged_where_memory_is_short() -> None:
    class Holds(Victim):
        normalisation = LITE0

        def forward(self, batch: Batch) -> dict[str, Tensor]:
            raise AssertionError("it is not trained")

        def predict(self, batch: Batch) -> list[Prediction]:
            if len(batch.targets) > holds:
                raise torch.OutOfMemoryError("too large")
            seen.append(len(batch.targets))
            return [Prediction(labels=(image[0] > 0.5).to(torch.uint8)) for image in batch.images]

    images = torch.randint(0, 256, (70, 3, 8, 8), dtype=torch.uint8)
    examples = Examples(images=images, targets=[Target(labels=torch.zeros(8, 8, dtype=torch.uint8))] * 70)
    holds, seen = 10, list[int]()
    found = [prediction.labels for prediction, _ in predict_all(Holds(), examples, torch.device("cpu"))]
    assert torch.equal(torch.stack(found), (images[:, 0] > 127).to(torch.uint8)) and max(seen) == 8 and sum(seen) == 70
    holds = 0
    with pytest.raises(EnvironmentProblem, match="does not hold one picture"):
        [*predict_all(Holds(), examples, torch.device("cpu"))]


def test_where_one_picture_is_too_much_the_bench_ends() -> None:
    small = Small(0)
    with pytest.raises(EnvironmentProblem, match="does not hold one picture") as caught:
        FittingMemory(Told()).gradients(batch(), alone, small.losses, small.optimizer)
    assert "--image-size" in caught.value.hint


def test_where_one_picture_is_too_little_it_is_said(tmp_path: Path) -> None:
    config = BenchConfig(
        data="synthetic", victims=("deeplabv3",), conditions=("clean",), out=tmp_path / "run", init="scratch", limit=1, image_size=64,
        epochs=1, device="cpu",
    )  # fmt: skip
    with pytest.raises(UsageProblem, match="cannot learn from one picture at a time") as caught:
        bench(config, Events())
    assert "--batch-size 2" in caught.value.hint

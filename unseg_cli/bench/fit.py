"""Training one victim on one set of pictures, and testing it after every epoch.

What an ordinary attacker would do: AdamW, a one-cycle learning rate, augmentation. Nothing is done against the protection; the
countermeasures are separate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from unseg_cli.bench.augmentation import AUGMENTATIONS
from unseg_cli.bench.countermeasures.base import Countermeasure, Losses, Part
from unseg_cli.bench.examples import Batch, Examples, Prediction, Target
from unseg_cli.bench.tasks import Task
from unseg_cli.bench.victims.base import Victim
from unseg_cli.bench.victims.schedule import Schedule
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.events import Events

#: From a batch to what is trained on in its place.
Change = Callable[[Batch], Sequence[Part]]

WARM_UP = 0.2  # share of the steps in which the learning rate rises
CLIP_NORM = 5.0
TEST_BATCH = 32
#: What torch says where batch normalisation meets a batch of one value a channel: nobody but its message tells.
NEEDS_TWO = "more than 1 value per channel"


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One point of the curves: number from 1, mean training loss, scores on the test pictures in percent by name."""

    epoch: int
    loss: float
    scores: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Training:
    """What became of a victim.

    Attributes:
        epochs: the curves.
        train_scores: the final scores on the training pictures, in percent by name.
        seconds: wall time.
        predictions: of the first test pictures.
        parts: how many each batch was taken in; more than one where the device's memory did not hold it.
    """

    epochs: tuple[Epoch, ...]
    train_scores: dict[str, float]
    seconds: float
    predictions: tuple[Prediction, ...]
    parts: int = 1


class FittingMemory:
    """Gradients of batches; where the device's memory does not hold one, of its halves, quarters and so on, from then on.

    The learning rate and the pictures of a step stay as they are. Statistics over a batch, which some victims learn from, are of a part.

    Args:
        events: is told.

    Attributes:
        parts: how many a batch is taken in.
    """

    def __init__(self, events: Events) -> None:
        self.parts, self._events = 1, events

    def gradients(self, batch: Batch, change: Change, losses: Losses, optimizer: torch.optim.Optimizer) -> float:
        """Put the gradients of a step in place.

        Args:
            batch: of the step.
            change: what the attacker makes of it, or of a part of it; it may ask for losses, too.
            losses: of a batch.
            optimizer: whose gradients they are.

        Returns:
            The loss.

        Raises:
            EnvironmentProblem: a single picture is too much.
            UsageProblem: a single picture is too little.
        """
        while True:
            try:
                optimizer.zero_grad(set_to_none=True)
                return sum(_backward(part, len(part.targets) / len(batch.targets), change, losses) for part in batch.in_parts(self.parts))
            except torch.OutOfMemoryError:
                if self.parts >= len(batch.targets):
                    raise _too_large() from None
            except ValueError as problem:
                if NEEDS_TWO not in str(problem):
                    raise
                raise UsageProblem(
                    "this victim cannot learn from one picture at a time: what it normalises over a batch would be a single value",
                    hint="pass --batch-size 2 or more, as many pictures, and pictures of which the memory holds two",
                ) from None
            self.parts *= 2
            self._events.warn(f"out of memory: batches are taken in {self.parts} parts from here on")
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _backward(batch: Batch, share: float, change: Change, losses: Losses) -> float:
    """Add the gradients of a part that is so large a share of its batch; its part of the loss."""
    total = 0.0
    for weight, changed in change(batch):
        loss = share * weight * losses(changed)
        loss.backward()
        total += float(loss.detach())
    return total


def train_victim(
    victim: Victim,
    train: Examples,
    test: Examples,
    *,
    task: Task,
    classes: Sequence[str],
    schedule: Schedule,
    countermeasure: Countermeasure,
    seed: int,
    device: torch.device,
    events: Events,
    keep_predictions: int = 4,
) -> Training:
    """Train a victim, in place.

    Args:
        victim: a fresh network.
        train: what the attacker has.
        test: clean pictures.
        task: says how it is judged.
        classes: their names, in the order of their labels.
        schedule: epochs, batch size, learning rate, augmentation.
        countermeasure: what the attacker does to batches; `train` has seen its other half.
        seed: order and augmentation. The caller seeds torch before the victim is built.
        device: where to train.
        events: one step is advanced for each batch.
        keep_predictions: for how many test pictures the final predictions are kept.
    """
    started = time.perf_counter()
    draw, augment = torch.Generator().manual_seed(seed), AUGMENTATIONS[schedule.augment]
    victim.to(device).train()
    batches = max(1, len(train) // schedule.batch_size)  # a short rest is omitted, differently in each epoch
    optimizer = torch.optim.AdamW(
        victim.parameters(), lr=schedule.lr, weight_decay=schedule.weight_decay, fused=device.type in ("cpu", "cuda")
    )
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.lr, total_steps=schedule.epochs * batches, pct_start=WARM_UP)
    epochs: list[Epoch] = []

    fitting = FittingMemory(events)

    def losses(seen: Batch) -> torch.Tensor:
        with in_precision(device, amp=schedule.amp):
            return victim.loss(seen)

    def change(seen: Batch) -> tuple[Part, ...]:
        return countermeasure.batch(seen, draw, losses)

    for epoch in range(1, schedule.epochs + 1):
        total = 0.0
        order = torch.randperm(len(train), generator=draw)
        for step in range(batches):
            chosen = order[step * schedule.batch_size : (step + 1) * schedule.batch_size]
            batch = augment(train.images[chosen].to(device), [train.targets[i] for i in chosen.tolist()], draw)
            loss = fitting.gradients(batch, change, losses, optimizer)
            torch.nn.utils.clip_grad_norm_(victim.parameters(), CLIP_NORM)
            optimizer.step()
            rate.step()
            total += loss
            events.advance(note=f"loss {total / (step + 1):.3f}")
        scores = judge(victim, test, task, classes, device, amp=schedule.amp)
        epochs.append(Epoch(epoch=epoch, loss=total / batches, scores=scores))
    train_scores = judge(victim, train, task, classes, device, amp=schedule.amp)
    predictions = tuple(prediction for prediction, _ in predict_all(victim, test.first(keep_predictions), device, amp=schedule.amp))
    return Training(
        epochs=tuple(epochs),
        train_scores=train_scores,
        seconds=time.perf_counter() - started,
        predictions=predictions,
        parts=fitting.parts,
    )


def in_precision(device: torch.device, *, amp: bool) -> torch.autocast:
    """Within it, forward passes are in bfloat16 where torch deems it safe; without `amp` nothing changes."""
    return torch.autocast(device.type, torch.bfloat16, enabled=amp)


def predict_all(victim: Victim, examples: Examples, device: torch.device, *, amp: bool = False) -> Iterator[tuple[Prediction, Target]]:
    """What a victim says of every picture, and its truth, on the CPU; the victim is left in training mode.

    Fewer pictures at a time where the device's memory does not hold them: each is judged alone, so nothing else changes.

    Raises:
        EnvironmentProblem: a single picture is too much.
    """
    victim.eval()
    first, count = 0, TEST_BATCH
    while first < len(examples):
        part = slice(first, first + count)
        images = examples.images[part].to(device).float().div_(255).contiguous(memory_format=torch.channels_last)
        targets = examples.targets[part]  # those of objects are decoded here, and only here
        try:
            with torch.inference_mode(), in_precision(device, amp=amp):
                found = victim.predict(Batch(images=images, targets=tuple(target.to(device) for target in targets)))
        except torch.OutOfMemoryError:
            if count == 1:
                raise _too_large() from None
            count //= 2
            continue
        yield from zip((one.cpu() for one in found), targets, strict=True)
        first += count
    victim.train()


def _too_large() -> EnvironmentProblem:
    what = "the device's memory does not hold one picture of this victim"
    return EnvironmentProblem(what, hint="pass a smaller --image-size, or --device cpu")


def judge(
    victim: Victim, examples: Examples, task: Task, classes: Sequence[str], device: torch.device, *, amp: bool = False
) -> dict[str, float]:
    """All scores of a victim on these pictures, in percent by name. Masks of many objects are large: none is kept."""
    metrics = [make(classes) for make in task.metrics]
    for prediction, target in predict_all(victim, examples, device, amp=amp):
        for metric in metrics:
            metric.update(prediction, target)
    return {name: value for metric in metrics for name, value in metric.compute().items()}

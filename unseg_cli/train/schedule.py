"""Which step of a training does what, and at what learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

FINDING = ("objects", "focus")  # kinds of step in which the generator learns to find objects
TURNS = (*FINDING, "surrogate", "noise")  # all kinds of step


@dataclass(frozen=True)
class Schedule:
    """Which step does what: `objects` steps of the first stage, `focus` of the second, then blocks of the bilevel stage until `total`."""

    objects: int
    focus: int
    total: int
    block: int
    surrogate_every: int

    @property
    def stages(self) -> tuple[tuple[int, int], ...]:
        """First step, and the step after the last, of each of the three."""
        bilevel = self.objects + self.focus
        return (0, self.objects), (self.objects, bilevel), (bilevel, self.total)

    def turn(self, step: int) -> str:
        """'objects', 'focus', 'surrogate' or 'noise'. A surrogate block comes first: untrained, it has nothing to tell the generator."""
        for kind, (_, stop) in zip(FINDING, self.stages, strict=False):
            if step < stop:
                return kind
        return "surrogate" if (step - self.stages[-1][0]) // self.block % self.surrogate_every == 0 else "noise"

    def progress(self, step: int) -> float:
        """Place within the step's own stage, in [0, 1)."""
        start, stop = next(stage for stage in self.stages if step < stage[1])
        return (step - start) / (stop - start)


def plan(
    *, epochs: tuple[float, float, float], steps_per_epoch: int, max_steps: int | None, block_steps: int | None, surrogate_every: int
) -> Schedule:
    """Turn epochs into steps.

    Args:
        epochs: of objects, focus and bilevel stage; 0 omits a stage.
        steps_per_epoch: steps that see every picture once.
        max_steps: cap on each stage.
        block_steps: steps a block; None: an epoch.
        surrogate_every: one block in so many trains the surrogate.
    """
    steps = [max(1, round(count * steps_per_epoch)) if count > 0 else 0 for count in epochs]
    if max_steps is not None:
        steps = [min(count, max_steps) for count in steps]
    return Schedule(steps[0], steps[1], sum(steps), block_steps or steps_per_epoch, surrogate_every)


def learning_rate_factor(progress: float, *, step_decay: bool) -> float:
    """The paper's step decay, or a short warm-up and a cosine to zero."""
    if step_decay:
        return 1.0 if progress < 20 / 27 else 0.1
    warm_up = 0.04
    if progress < warm_up:
        return 0.1 + 0.9 * progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))

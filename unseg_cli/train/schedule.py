"""Which step of a training does what, and at what learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unseg_cli.train.config import TrainConfig
from unseg_cli.train.learners import FINDING


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


def plan(config: TrainConfig, pictures: int) -> Schedule:
    """Turn epochs into steps, capped by max_steps in each stage."""
    per_epoch = max(1, pictures // config.batch_size)
    stages = (config.object_epochs, config.focus_epochs, config.epochs)
    steps = [max(1, round(epochs * per_epoch)) if epochs > 0 else 0 for epochs in stages]
    if config.max_steps is not None:
        steps = [min(count, config.max_steps) for count in steps]
    return Schedule(steps[0], steps[1], sum(steps), config.block_steps or per_epoch, config.surrogate_every)


def learning_rate_factor(config: TrainConfig, progress: float) -> float:
    """The paper's step decay, or a short warm-up and a cosine to zero."""
    if config.step_decay:
        return 1.0 if progress < 20 / 27 else 0.1
    warm_up = 0.04
    if progress < warm_up:
        return 0.1 + 0.9 * progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))

"""What a training carries from step to step: networks, and an optimiser for each kind of step. `Learners.learn` is a step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from unseg_cli.datasets.batches import Batch
from unseg_cli.models.build import Generator
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.train.config import Rates, StepSettings
from unseg_cli.train.processes import Processes
from unseg_cli.train.schedule import FINDING
from unseg_cli.train.steps.draws import Draws
from unseg_cli.train.steps.turns import loss_of

BACKBONE_RATE = 0.25  # a pretrained backbone forgets at the rate that new layers need


class BothNetworks(nn.Module):
    """Generator and surrogate as one module whose forward pass is the loss of a step.

    Wrappers that add up gradients over processes see what runs through the module that they wrap; all of a step does.
    """

    def __init__(self, generator: Generator, surrogate: PromptableSegmenter, settings: StepSettings) -> None:
        super().__init__()
        self.generator, self.surrogate, self.settings = generator, surrogate, settings

    def forward(self, turn: str, batch: Batch, draws: Draws) -> Tensor:
        """See `loss_of`."""
        return loss_of(turn, self.generator, self.surrogate, batch, self.settings, draws)


class Learners:
    """Generator, surrogate, and an optimiser for each kind of step.

    Args:
        generator: on the processes' device.
        surrogate: there, too.
        optimisers: by kind of step.
        settings: of the steps.
        processes: that train together.
        accumulate: a batch is taken in so many parts, one after the other, whose gradients add up.
    """

    def __init__(
        self,
        generator: Generator,
        surrogate: PromptableSegmenter,
        optimisers: dict[str, torch.optim.Optimizer],
        *,
        settings: StepSettings,
        processes: Processes,
        accumulate: int = 1,
    ) -> None:
        self.generator, self.surrogate = generator, surrogate
        self.processes, self.accumulate = processes, accumulate
        self.optimisers = {name: processes.prepared(optimiser) for name, optimiser in optimisers.items()}
        self._networks = processes.prepared(BothNetworks(generator, surrogate, settings))

    def learn(self, turn: str, batch: Batch, *, seed: int, rate: float) -> float:
        """One step of this kind at `rate` times the base learning rate.

        Args:
            turn: see `Schedule.turn`.
            batch: this process's rows of it, on its device.
            seed: of the step.
            rate: see `learning_rate_factor`.

        Returns:
            The loss, over the whole batch.

        Raises:
            UnsegError: it is not finite.
        """
        self.set_turn(turn)
        optimiser = self.optimisers[turn]
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * rate
        optimiser.zero_grad(set_to_none=True)
        rows = self.processes.rows(len(batch) * self.processes.count)
        parts, done, total = batch.parts(self.accumulate), 0, torch.zeros((), device=batch.image.device)
        for part in parts:
            draws = Draws(seed, total=rows.total, first=rows.first + done)
            done += len(part)
            with self.processes.adding_up(self._networks, last=done == len(batch)):
                loss = self._networks(turn, part, draws) * (len(part) / len(batch))
                self.processes.backward(loss)
            total += loss.detach()
        self.processes.clip([p for group in optimiser.param_groups for p in group["params"]], 1.0)
        optimiser.step()
        return self.processes.mean(total)

    def set_turn(self, turn: str) -> None:
        """Train mode where the step learns, eval mode elsewhere; in the bilevel stage only the noise head of the generator learns."""
        self.generator.train(turn in FINDING)
        self.surrogate.train(turn == "surrogate")


def make_learners(
    generator: Generator,
    surrogate: PromptableSegmenter,
    rates: Rates,
    *,
    settings: StepSettings,
    processes: Processes,
    accumulate: int = 1,
) -> Learners:
    """Both networks on the device, with an optimiser for each kind of step that has a rate. See `Learners`."""
    for network in (generator, surrogate):
        network.to(processes.device).to(memory_format=torch.channels_last)
    noise = generator.noise_parameters()
    optimisers: dict[str, torch.optim.Optimizer] = {
        "noise": _optimiser([(noise, rates.noise)], weight_decay=0.0),
        "surrogate": _optimiser(_groups(surrogate, rates.surrogate), weight_decay=1e-4),
    }
    for turn, rate in zip(FINDING, (rates.objects, rates.focus), strict=True):
        if rate is not None:
            optimisers[turn] = _optimiser(_groups(generator, rate, without=noise), weight_decay=1e-4)
    return Learners(generator, surrogate, optimisers, settings=settings, processes=processes, accumulate=accumulate)


def _groups(segmenter: nn.Module, rate: float, *, without: Iterable[nn.Parameter] = ()) -> list[tuple[list[nn.Parameter], float]]:
    """The pretrained backbone at a lower rate than the rest."""
    excluded = {id(parameter) for parameter in without}
    slow: list[nn.Parameter] = []
    fast: list[nn.Parameter] = []
    for name, parameter in segmenter.named_parameters():
        if parameter.requires_grad and id(parameter) not in excluded:
            (slow if ".backbone." in name else fast).append(parameter)
    return [(group, group_rate) for group, group_rate in ((slow, rate * BACKBONE_RATE), (fast, rate)) if group]


def _optimiser(groups: list[tuple[list[nn.Parameter], float]], *, weight_decay: float) -> torch.optim.AdamW:
    return torch.optim.AdamW([{"params": params, "lr": rate, "base_lr": rate} for params, rate in groups], weight_decay=weight_decay)

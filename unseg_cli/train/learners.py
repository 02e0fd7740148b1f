"""What a training carries from step to step: networks, and an optimiser for each kind of step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unseg_cli.models.build import Generator
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.train.config import Rates
from unseg_cli.train.schedule import FINDING

BACKBONE_RATE = 0.25  # a pretrained backbone forgets at the rate that new layers need


@dataclass(kw_only=True)
class Learners:
    """Generator, surrogate, and an optimiser for each kind of step."""

    generator: Generator
    surrogate: PromptableSegmenter
    optimisers: dict[str, torch.optim.Optimizer]

    def set_turn(self, turn: str) -> None:
        """Train mode where the step learns, eval mode elsewhere; in the bilevel stage only the noise head of the generator learns."""
        self.generator.train(turn in FINDING)
        self.surrogate.train(turn == "surrogate")

    def update(self, turn: str, loss: Tensor, rate: float) -> None:
        """One optimiser step at `rate` times the base learning rate."""
        optimiser = self.optimisers[turn]
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * rate
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
        optimiser.step()


def make_learners(generator: Generator, surrogate: PromptableSegmenter, rates: Rates, device: torch.device) -> Learners:
    """Both networks on the device, with an optimiser for each kind of step that has a rate."""
    for network in (generator, surrogate):
        network.to(device).to(memory_format=torch.channels_last)
    noise = generator.noise_parameters()
    optimisers: dict[str, torch.optim.Optimizer] = {
        "noise": _optimiser([(noise, rates.noise)], weight_decay=0.0),
        "surrogate": _optimiser(_groups(surrogate, rates.surrogate), weight_decay=1e-4),
    }
    for turn, rate in zip(FINDING, (rates.objects, rates.focus), strict=True):
        if rate is not None:
            optimisers[turn] = _optimiser(_groups(generator, rate, without=noise), weight_decay=1e-4)
    return Learners(generator=generator, surrogate=surrogate, optimisers=optimisers)


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

"""Pictures mixed with each other while a victim is trained: common regularisers, which also thin a pattern out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from unseg_cli.bench.countermeasures.base import Countermeasure, Losses, Part
from unseg_cli.bench.examples import Batch

#: Of the Beta distribution of the mixing weight: the largest that the paper recommends for ImageNet.
MIXUP_ALPHA = 0.4


@dataclass(frozen=True, kw_only=True)
class MixUp(Countermeasure):
    """Every picture is blended with another of its batch (Zhang et al., mixup, ICLR 2018).

    As in the authors' code, one weight is drawn for a batch, and the losses for both label maps are mixed with it: for cross-entropy that
    is the same as training on mixed soft labels, and it is defined for every other loss that a victim has.
    """

    def batch(self, batch: Batch, draw: torch.Generator, losses: Losses) -> tuple[Part, ...]:
        """See `Countermeasure`."""
        order, numbers = _partners(batch, draw)
        weight = float(numbers.beta(MIXUP_ALPHA, MIXUP_ALPHA))
        images = weight * batch.images + (1 - weight) * batch.images[order.to(batch.images.device)]
        images = images.contiguous(memory_format=torch.channels_last)
        others = tuple(batch.targets[i] for i in order.tolist())
        return Part(weight, Batch(images=images, targets=batch.targets)), Part(1 - weight, Batch(images=images, targets=others))


@dataclass(frozen=True, kw_only=True)
class CutMix(Countermeasure):
    """A rectangle of another picture of the batch is pasted into every one, and its labels with it.

    As Yun et al. (CutMix, ICCV 2019) draw it: one rectangle for a batch, whose share of the area is uniform in [0, 1], anywhere, cut off at
    the frame. With a label for every pixel no loss has to be mixed: the labels are pasted, too (French et al., BMVC 2020).
    """

    def batch(self, batch: Batch, draw: torch.Generator, losses: Losses) -> tuple[Part, ...]:
        """See `Countermeasure`."""
        order, numbers = _partners(batch, draw)
        height, width = batch.images.shape[-2:]
        share, down, right = numbers.random(3)
        rows, columns = (_span(at, share**0.5, length) for at, length in ((down, height), (right, width)))
        images = batch.images.clone(memory_format=torch.channels_last)
        images[..., rows, columns] = batch.images[order.to(images.device)][..., rows, columns]
        others = (batch.targets[place] for place in order.tolist())
        targets = tuple(one.pasted(other, rows, columns) for one, other in zip(batch.targets, others, strict=True))
        return (Part(1.0, Batch(images=images, targets=targets)),)


def _partners(batch: Batch, draw: torch.Generator) -> tuple[torch.Tensor, np.random.Generator]:
    """For each picture the number of another, and a source of numbers; both of the training's own."""
    order = torch.randperm(len(batch.images), generator=draw)
    return order, np.random.default_rng(int(torch.randint(2**31, (1,), generator=draw)))


def _span(centre: float, share: float, length: int) -> slice:
    """The part of a side of this length that a rectangle covers, whose centre and side are shares of it."""
    return slice(max(0, round((centre - share / 2) * length)), min(length, round((centre + share / 2) * length)))

"""What an attacker does while a victim is trained, looking at the victim: the strongest augmentation of several, adversarial pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.bench.countermeasures.base import Countermeasure, Losses, Part
from unseg_cli.bench.examples import Batch

#: Versions of a batch that UEraser tries, and the roughest and finest cells of its plasma, as parts of a picture's side.
TRIES, CELLS = 3, (2, 4, 8, 16, 32)
#: Of adversarial training: how far a pixel is moved at most, in [0, 1], and in how many steps: as far as the noise may go.
EPSILON, STEPS = 8 / 255, 3


@dataclass(frozen=True, kw_only=True)
class WorstOfSeveral(Countermeasure):
    """The augmentation that the victim likes least (Qin et al., Learning the Unlearnable: UEraser-Max, ICLR 2024).

    As there: brightness and contrast that change across the picture like plasma, and shuffled channels. A batch is changed in `TRIES` ways,
    and the one with the largest loss is trained on; the authors choose picture by picture, which not every victim's loss allows.
    """

    def batch(self, batch: Batch, draw: torch.Generator, losses: Losses) -> tuple[Part, ...]:
        """See `Countermeasure`."""
        versions = [Batch(images=_erased(batch.images, draw), targets=batch.targets) for _ in range(TRIES)]
        with torch.no_grad():
            found = [float(losses(version)) for version in versions]
        return (Part(1.0, versions[found.index(max(found))]),)


@dataclass(frozen=True, kw_only=True)
class Adversarial(Countermeasure):
    """Adversarial training (Madry et al., ICLR 2018): each picture is first moved to where the loss is largest, within a bound.

    A victim that must not rely on small changes cannot rely on the noise either.
    """

    def batch(self, batch: Batch, draw: torch.Generator, losses: Losses) -> tuple[Part, ...]:
        """See `Countermeasure`."""
        clean = batch.images
        moved = clean + EPSILON * (2 * torch.rand(clean.shape, generator=draw).to(clean) - 1)
        for _ in range(STEPS):
            moved = moved.clamp(0, 1).detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(losses(Batch(images=moved, targets=batch.targets)), moved, allow_unused=True)
            if gradient is None:  # nothing but void: the loss does not depend on the pictures
                break
            moved = clean + (moved.detach() + 2 * EPSILON / STEPS * gradient.sign() - clean).clamp(-EPSILON, EPSILON)
        images = moved.clamp(0, 1).detach().contiguous(memory_format=torch.channels_last)
        return (Part(1.0, Batch(images=images, targets=batch.targets)),)


def plasma(count: int, height: int, width: int, draw: torch.Generator) -> Tensor:
    """Cloudy patterns, rough ones with finer ones on top: (count, 1, height, width) in [0, 1], each from 0 to 1."""
    total = torch.zeros(count, 1, height, width)
    for number, cells in enumerate(CELLS):
        octave = torch.rand(count, 1, cells, cells, generator=draw)
        total += F.interpolate(octave, (height, width), mode="bicubic", align_corners=False) / 2**number
    least, most = total.amin((2, 3), keepdim=True), total.amax((2, 3), keepdim=True)
    return (total - least) / (most - least).clamp(min=1e-6)


def _erased(images: Tensor, draw: torch.Generator) -> Tensor:
    """(B, 3, H, W) in [0, 1] -> the same, with other brightness, contrast and channels in every picture."""
    count, _, height, width = images.shape
    brighter, steeper = (plasma(count, height, width, draw).to(images) for _ in range(2))
    strength = torch.rand(count, 1, 1, 1, generator=draw).to(images)
    changed = images + strength * (brighter - 0.5)
    changed = (changed - 0.5) * (0.5 + 1.5 * steeper) + 0.5
    orders = torch.stack([torch.randperm(3, generator=draw) for _ in range(count)]).to(images.device)
    changed = changed.gather(1, orders[:, :, None, None].expand_as(changed))
    return changed.clamp(0, 1).contiguous(memory_format=torch.channels_last)

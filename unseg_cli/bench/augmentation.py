"""Augmentation: what an ordinary attacker does to every batch, so that a victim sees no picture twice in the same way.

It is no countermeasure: nobody trains without it. But how far it zooms decides which noise a victim still reads, so that results with
different augmentations are not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.bench.examples import Batch, Target
from unseg_cli.bench.victims.schedule import AugmentName

CROP_FROM = 0.7  # smallest side of the random crop, as a share of the picture's
GREY = 0.5  # of [0, 1]: what lies around a picture that was made smaller than the frame


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Flips left-right half of the time, and shows a random window of the picture, brought to the frame's size.

    Attributes:
        name: what users call it.
        in_words: for readers.
        window: from (B,) uniform numbers in [0, 1) to the window's side as a share of the picture's. Over 1 the window is larger than
            the picture, which then lies anywhere in it: around it is mid-grey, and the label is void.
    """

    name: AugmentName
    in_words: str
    window: Callable[[Tensor], Tensor]

    def __call__(self, images: Tensor, targets: Sequence[Target], draw: torch.Generator) -> Batch:
        """Augment a batch: pictures bilinear, labels nearest.

        Args:
            images: (B, 3, H, W) uint8, on the victim's device.
            targets: of each picture, anywhere.
            draw: a CPU generator.
        """
        count = len(images)
        flip, uniform, x, y = torch.rand(4, count, generator=draw)
        side = self.window(uniform)
        sign = torch.where(flip < 0.5, -1.0, 1.0)
        zero = torch.zeros(count)
        # Output coordinates in [-1, 1] -> input: scaled by the window's side, and shifted so that window or picture is inside of the other.
        theta = torch.stack([sign * side, zero, (2 * x - 1) * (1 - side), zero, side, (2 * y - 1) * (1 - side)], 1).view(count, 2, 3)
        grid = F.affine_grid(theta.to(images.device), [count, 1, *images.shape[-2:]], align_corners=False)
        inside = (grid.abs() <= 1).all(-1)
        moved = F.grid_sample(images.float().div_(255), grid, mode="bilinear", padding_mode="border", align_corners=False)
        return Batch(
            images=moved.clamp(0, 1).where(inside[:, None], GREY).contiguous(memory_format=torch.channels_last),
            targets=tuple(target.to(images.device).moved(*place) for target, *place in zip(targets, grid, inside, strict=True)),
        )


AUGMENTATIONS: dict[AugmentName, Augmentation] = {
    augmentation.name: augmentation
    for augmentation in (
        Augmentation(
            name="jitter",  # large-scale jitter, as in Ghiasi et al., Simple Copy-Paste (CVPR 2021), at half to twice the size
            in_words="left-right flips of half of the pictures, zooms of 0.5 to 2 (log-uniform; void around what is shrunk)",
            window=lambda uniform: 2.0 ** (1 - 2 * uniform),
        ),
        Augmentation(
            name="crops",
            in_words="left-right flips of half of the pictures, random crops of 70 to 100 % of each side",
            window=lambda uniform: CROP_FROM + (1 - CROP_FROM) * uniform,
        ),
    )
}

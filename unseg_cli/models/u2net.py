"""U2-Net-p, a small network for salient objects: Qin et al. 2020, "U2-Net: Going Deeper with Nested U-Structure", without its last stage.

Written from the paper's figures and table, for weights in which batch norms are part of the convolutions before them. The stages lie on a
U, and each is a U of its own (`Stage`, the paper's RSU): it looks far at the cost of small maps. Every stage on the way up was trained to
give the answer at its own size; the last one, at the size of the input, takes half of the time and adds nothing here, so the answer is
that of the one before it. docs/decisions.md has the numbers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, INNER = 64, 16  # channels between the stages, and inside of a stage
#: Convolutions on a stage's way down, on the network's way down and up; None: four at one size, which look far by dilation.
DEPTHS_DOWN, DEPTHS_UP = (7, 6, 5, 4, None, None), (None, 4, 5, 6)
DILATIONS = (1, 2, 4, 8)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Convolution(nn.Conv2d):
    """3 x 3, which keeps the size, then ReLU."""

    def __init__(self, before: int, after: int, dilation: int = 1) -> None:
        super().__init__(before, after, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, h, w) -> (B, after, h, w)."""
        return F.relu(super().forward(x), inplace=True)


class Stage(nn.Module):
    """A small U, and a shortcut around it.

    Args:
        before: channels that come in; `WIDTH` go out.
        depth: convolutions on its way down, each but the first and the last one at half the size of the one before; the last is dilated.
            None: four of growing dilation at one size.
    """

    def __init__(self, before: int, depth: int | None) -> None:
        super().__init__()
        dilations = DILATIONS if depth is None else (1,) * (depth - 1) + (2,)
        back = dilations[-2::-1]
        self.halves = range(1, len(dilations) - 1) if depth else range(0)
        self.into = Convolution(before, WIDTH)
        self.down = nn.ModuleList(Convolution(WIDTH if i == 0 else INNER, INNER, dilation) for i, dilation in enumerate(dilations))
        self.up = nn.ModuleList(Convolution(2 * INNER, WIDTH if i == len(back) - 1 else INNER, d) for i, d in enumerate(back))

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, h, w) -> (B, WIDTH, h, w)."""
        y = start = self.into(x)
        seen = []
        for i, convolve in enumerate(self.down):
            y = convolve(_half(y) if i in self.halves else y)
            seen.append(y)
        y = seen.pop()
        for convolve in self.up:
            y = convolve(_joined(y, seen.pop()))
        return y + start


class U2NetP(nn.Module):
    """Pictures in, out how salient each place is."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(Stage(3 if i == 0 else WIDTH, depth) for i, depth in enumerate(DEPTHS_DOWN))
        self.up = nn.ModuleList(Stage(2 * WIDTH, depth) for depth in DEPTHS_UP)
        self.head = nn.Conv2d(WIDTH, 1, 3, padding=1)

    def forward(self, image_01: Tensor) -> Tensor:
        """Logits, positive on the salient object.

        Args:
            image_01: (B, 3, h, w) in [0, 1]; h and w even. Trained at 320 x 320.

        Returns:
            (B, 1, h / 2, w / 2).
        """
        mean, std = (image_01.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        x = (image_01 - mean) / std
        seen = []
        for i, stage in enumerate(self.down):
            x = stage(x if i == 0 else _half(x))
            seen.append(x)
        x = seen.pop()
        for stage in self.up:
            x = stage(_joined(x, seen.pop()))
        return self.head(x)


def _half(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2, ceil_mode=True)


def _joined(x: Tensor, other: Tensor) -> Tensor:
    """Both, at the size of `other`."""
    if x.shape[-2:] != other.shape[-2:]:
        x = F.interpolate(x, other.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([x, other], 1)

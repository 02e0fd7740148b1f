"""Random prompts drawn from true masks, of the paper's three kinds, and none."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.models.prompt import Prompt

KINDS = ("box", "points", "mask")
POINTS = 10


def prompt_of(kinds: frozenset[str], mask: Tensor, size: int, rng: torch.Generator) -> Prompt:
    """A prompt of these kinds at once; no kind gives the empty prompt.

    Args:
        kinds: subset of `KINDS`.
        mask: (B, 1, H, W) of 0 and 1, none of them empty; the frame is the network input's.
        size: side of the network input in pixels.
        rng: on the CPU.
    """
    return Prompt(
        boxes=boxes_of(mask) * (size / mask.shape[-1]) if "box" in kinds else None,
        points=points_of(mask, POINTS, rng) * (size / mask.shape[-1]) if "points" in kinds else None,
        mask=noisy_mask(mask, rng) if "mask" in kinds else None,
    )


def random_kinds(rng: torch.Generator, *, single: bool, empty_share: float = 0.0) -> frozenset[str]:
    """One random kind (`single`), or a random non-empty subset; with probability `empty_share`, none."""
    if torch.rand((), generator=rng) < empty_share:
        return frozenset()
    if single:
        return frozenset({KINDS[int(torch.randint(len(KINDS), (), generator=rng))]})
    code = int(torch.randint(1, 2 ** len(KINDS), (), generator=rng))
    return frozenset(kind for i, kind in enumerate(KINDS) if code >> i & 1)


def boxes_of(mask: Tensor) -> Tensor:
    """Tight boxes (B, 4): x0, y0, x1, y1 in pixels of the mask's frame."""
    boxes = []
    for plane in mask[:, 0] > 0.5:
        rows, columns = plane.any(1).nonzero(), plane.any(0).nonzero()
        boxes.append(torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]))
    return torch.stack(boxes).float()


def points_of(mask: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Uniform points on the object, (B, count, 2) as x, y in pixels of the mask's frame."""
    points = []
    for plane in mask[:, 0] > 0.5:
        inside = plane.nonzero()
        chosen = inside[torch.randint(len(inside), (count,), generator=rng).to(inside.device)]
        points.append(chosen.flip(1).float() + 0.5)
    return torch.stack(points)


def noisy_mask(mask: Tensor, rng: torch.Generator) -> Tensor:
    """The paper's mask prompt: unit Gaussian noise, then a threshold, wherever a coarse copy (1/8) of the mask differs from it."""
    height, width = mask.shape[-2:]
    coarse = F.interpolate(mask, (max(1, height // 8), max(1, width // 8)), mode="bilinear", align_corners=False)
    coarse = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    border = ((mask - coarse).abs() >= 0.01).float()
    noise = torch.randn(mask.shape, generator=rng).to(mask.device)
    return ((mask + noise * border) > 0.5).float()

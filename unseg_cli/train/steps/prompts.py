"""Random prompts drawn from true masks, of the paper's three kinds, and none."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.models.prompt import Prompt
from unseg_cli.train.config import PROMPT_KINDS
from unseg_cli.train.steps.draws import Draws

POINTS = 10


def prompt_of(kinds: frozenset[str], mask: Tensor, size: int, draws: Draws) -> Prompt:
    """A prompt of these kinds at once; no kind gives the empty prompt.

    Args:
        kinds: subset of `PROMPT_KINDS`.
        mask: (B, 1, H, W) of 0 and 1, none of them empty; the frame is the network input's.
        size: side of the network input in pixels.
        draws: of the step.
    """
    return Prompt(
        boxes=boxes_of(mask) * (size / mask.shape[-1]) if "box" in kinds else None,
        points=points_of(mask, POINTS, draws) * (size / mask.shape[-1]) if "points" in kinds else None,
        mask=noisy_mask(mask, draws) if "mask" in kinds else None,
    )


def random_kinds(draws: Draws, *, single: bool, empty_share: float = 0.0, of: tuple[str, ...] = PROMPT_KINDS) -> frozenset[str]:
    """One random kind (`single`) of these, or a random non-empty subset; with probability `empty_share`, none."""
    if draws.chance() < empty_share:
        return frozenset()
    if single:
        return frozenset({of[draws.integer(0, len(of))]})
    code = draws.integer(1, 2 ** len(of))
    return frozenset(kind for i, kind in enumerate(of) if code >> i & 1)


def boxes_of(mask: Tensor) -> Tensor:
    """Tight boxes (B, 4): x0, y0, x1, y1 in pixels of the mask's frame."""
    boxes = []
    for plane in mask[:, 0] > 0.5:
        rows, columns = plane.any(1).nonzero(), plane.any(0).nonzero()
        boxes.append(torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]))
    return torch.stack(boxes).float()


def points_of(mask: Tensor, count: int, draws: Draws) -> Tensor:
    """Uniform points on the object, (B, count, 2) as x, y in pixels of the mask's frame."""
    inside = [plane.nonzero() for plane in mask[:, 0] > 0.5]
    places = draws.places([len(pixels) for pixels in inside], count)
    chosen = [pixels[which.to(pixels.device)] for pixels, which in zip(inside, places, strict=True)]
    return torch.stack(chosen).flip(2).float() + 0.5


def noisy_mask(mask: Tensor, draws: Draws) -> Tensor:
    """The paper's mask prompt: unit Gaussian noise, then a threshold, wherever a coarse copy (1/8) of the mask differs from it."""
    height, width = mask.shape[-2:]
    coarse = F.interpolate(mask, (max(1, height // 8), max(1, width // 8)), mode="bilinear", align_corners=False)
    coarse = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    border = ((mask - coarse).abs() >= 0.01).float()
    noise = draws.normal(*mask.shape).to(mask.device)
    return ((mask + noise * border) > 0.5).float()

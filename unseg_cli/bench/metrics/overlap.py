"""How well objects are outlined that somebody points at: the overlap of masks, and of their borders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.bench.examples import Prediction, Target

if TYPE_CHECKING:
    from typing_extensions import Self

#: Width of a border, as a share of the picture's diagonal (Cheng et al., Boundary IoU, CVPR 2021).
BORDER = 0.02


def mask_iou(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of pairs of masks: (N, H, W) bool -> (N,); 1 where both are empty."""
    both, either = ((one & other).flatten(1).sum(1).double(), (one | other).flatten(1).sum(1).double())
    return torch.where(either > 0, both / either.clamp(min=1), torch.ones_like(both))


def border(masks: Tensor) -> Tensor:
    """The part of each mask that is near its edge, or near that of the picture: (N, H, W) bool -> same.

    As in the authors' code, a mask is eroded by 3 x 3 pixels as often as the border is wide, with nothing around the picture.
    """
    height, width = masks.shape[-2:]
    kept = F.pad(masks[:, None].float(), (1, 1, 1, 1))
    for _ in range(max(1, round(BORDER * (height**2 + width**2) ** 0.5))):
        kept = -F.max_pool2d(-kept, 3, stride=1, padding=1)
        kept[..., 0, :] = kept[..., -1, :] = kept[..., :, 0] = kept[..., :, -1] = 0
    return masks & ~(kept[:, 0, 1:-1, 1:-1] > 0)


class PromptedOverlap:
    """Interactive: mean over all objects of the IoU of their masks, and of their borders.

    Args:
        classes: their names; of no importance here.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._pictures: list[tuple[Tensor, Tensor]] = []

    def update(self, prediction: Prediction, target: Target) -> None:
        """See `Metric`; predicted masks are in the order of the true ones."""
        assert target.segments is not None and prediction.found is not None and prediction.found.masks is not None
        true, said = target.segments.masks, prediction.found.masks
        if len(true):
            self._pictures.append((mask_iou(said, true), mask_iou(border(said), border(true))))

    def merge(self, other: Self) -> None:
        """See `Metric`."""
        self._pictures += other._pictures

    def compute(self) -> dict[str, float]:
        """See `Metric`."""
        if not self._pictures:
            return dict.fromkeys(("prompted_iou", "boundary_iou", "prompted_iou_per_picture"), float("nan"))
        masks, borders = (torch.cat(values) for values in zip(*self._pictures, strict=True))
        each = torch.stack([values.mean() for values, _ in self._pictures])
        return {
            "prompted_iou": 100 * float(masks.mean()),
            "boundary_iou": 100 * float(borders.mean()),
            "prompted_iou_per_picture": 100 * float(each.mean()),
        }

"""How well a label map is predicted: pure functions of confusion matrices.

A confusion matrix here is (..., C, C) int64, rows = truth, columns = prediction; leading dimensions are pictures. Summing it over pictures
before dividing gives the metric accumulated over a data set; dividing first and averaging gives the mean over pictures. All results are
fractions in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from unseg_cli.core.constants import IGNORE


def confusion_per_picture(prediction: Tensor, label: Tensor, classes: int) -> Tensor:
    """Count every pair (true class, predicted class) of each picture.

    Args:
        prediction: (B, H, W) integer classes in [0, classes).
        label: (B, H, W) integer classes in [0, classes), or 255 where the truth is void: such pixels count nowhere.
        classes: how many classes there are.

    Returns:
        (B, classes, classes) int64.
    """
    batch = label.shape[0]
    label, prediction = label.long(), prediction.long()
    cell = label * classes + prediction + torch.arange(batch, device=label.device).view(-1, 1, 1) * classes**2
    counts = torch.bincount(cell[label != IGNORE], minlength=batch * classes**2)
    return counts.view(batch, classes, classes)


def iou_per_class(confusion: Tensor) -> Tensor:
    """Intersection over union of every class: (..., C, C) -> (..., C) float64; nan for a class neither there nor predicted."""
    intersection = confusion.diagonal(dim1=-2, dim2=-1).double()
    union = confusion.sum(-1) + confusion.sum(-2) - intersection
    return intersection / union  # 0 / 0 is nan


def miou(confusion: Tensor) -> Tensor:
    """Mean of `iou_per_class` over the classes that occur in the truth or in the prediction: (..., C, C) -> (...)."""
    return iou_per_class(confusion).nanmean(-1)


def binary_iou(confusion: Tensor) -> Tensor:
    """IoU of the foreground, class 1 of 2: (..., 2, 2) -> (...); 1 where there is none and none is predicted."""
    return iou_per_class(confusion)[..., 1].nan_to_num(1.0)


def dice(confusion: Tensor) -> Tensor:
    """Dice (F1) of the foreground, class 1 of 2: (..., 2, 2) -> (...); 1 where there is none and none is predicted."""
    iou = binary_iou(confusion)
    return 2 * iou / (1 + iou)


def relative_drop(clean: float, other: float) -> float | None:
    """How much of the clean metric is lost, in percent: 100 * (clean - other) / clean; None where clean is 0."""
    return 100 * (clean - other) / clean if clean > 0 else None

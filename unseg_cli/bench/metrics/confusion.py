"""How well a label map is predicted: functions of confusion matrices, and the two metrics made of them.

A confusion matrix here is (..., C, C) int64, rows = truth, columns = prediction; leading dimensions are pictures. Summing it over pictures
before dividing gives the metric accumulated over a data set; dividing first and averaging gives the mean over pictures. All results are
fractions in [0, 1]; those of the metrics are in percent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unseg_cli.bench.examples import Prediction, Target
from unseg_cli.bench.metrics.protocol import OF_CLASS
from unseg_cli.core.constants import IGNORE

if TYPE_CHECKING:
    from typing_extensions import Self


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


def accuracy(confusion: Tensor) -> Tensor:
    """Share of the pixels whose class is right: (..., C, C) -> (...); nan where no pixel is known."""
    return confusion.diagonal(dim1=-2, dim2=-1).sum(-1).double() / confusion.sum((-2, -1))


class _Counted(ABC):
    """Counts over all pixels, and the main score of every picture.

    Args:
        classes: their names, in the order of their labels.
    """

    name: str  # of the main score

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.whole = torch.zeros(len(self.classes), len(self.classes), dtype=torch.int64)
        self.per_picture: list[Tensor] = []

    @staticmethod
    @abstractmethod
    def main(confusion: Tensor) -> Tensor:
        """The main score: (..., C, C) -> (...) in [0, 1]."""

    def update(self, prediction: Prediction, target: Target) -> None:
        """See `Metric`."""
        counts = confusion_per_picture(prediction.labels[None], target.labels[None], len(self.classes))[0]
        self.whole += counts
        self.per_picture.append(self.main(counts))

    def merge(self, other: Self) -> None:
        """See `Metric`."""
        self.whole += other.whole
        self.per_picture += other.per_picture

    def compute(self) -> dict[str, float]:
        """See `Metric`."""
        each = torch.stack(self.per_picture) if self.per_picture else torch.tensor([torch.nan])
        scores = {self.name: 100 * float(self.main(self.whole)), f"{self.name}_per_picture": 100 * float(each.nanmean())}
        scores["accuracy"] = 100 * float(accuracy(self.whole))
        of_classes = zip(self.classes, iou_per_class(self.whole).tolist(), strict=True)
        return scores | {f"iou{OF_CLASS}{name}": 100 * value for name, value in of_classes if value == value}  # nan: does not occur


class ForegroundIoU(_Counted):
    """Binary: IoU and Dice of class 1 of 2 over all pixels, and the mean IoU of the pictures."""

    name = "iou"
    main = staticmethod(binary_iou)

    def compute(self) -> dict[str, float]:
        """See `Metric`."""
        return super().compute() | {"dice": 100 * float(dice(self.whole))}


class ClassIoU(_Counted):
    """Semantic: mean IoU of the classes over all pixels, and the mean over pictures of the same."""

    name = "miou"
    main = staticmethod(miou)

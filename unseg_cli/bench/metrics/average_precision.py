"""How well objects are found one by one: average precision as COCO defines it, counted by pycocotools.

Sizes are those of the pictures as victims see them: "small" is under 32 x 32 pixels of the training size, not of the file.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from unseg_cli.bench.examples import Found, Prediction, Segments, Target
from unseg_cli.bench.metrics.protocol import OF_CLASS

if TYPE_CHECKING:
    from typing_extensions import Self

#: Name of a score -> its place in pycocotools' summary.
SUMMARY = {"ap": 0, "ap50": 1, "ap75": 2, "ap_small": 3, "ap_medium": 4, "ap_large": 5}

Document = dict[str, Any]


class _AveragePrecision:
    """Mean over classes and over the overlaps 0.5, 0.55 .. 0.95 of the area under the curve of precision against recall.

    Args:
        classes: their names, in the order of their labels.
    """

    kind: Literal["segm", "bbox"]

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self._images: list[Document] = []
        self._truth: list[Document] = []
        self._found: list[Document] = []

    def update(self, prediction: Prediction, target: Target) -> None:
        """See `Metric`."""
        segments, found = target.segments, prediction.found
        assert segments is not None and found is not None, "the task has objects, and so must its victims"
        height, width = target.labels.shape
        image = len(self._images) + 1
        self._images.append({"id": image, "height": height, "width": width})
        for entry in self._true(segments):
            self._truth.append(entry | {"id": len(self._truth) + 1, "image_id": image})
        for entry in self._said(found):
            self._found.append(entry | {"image_id": image})

    def merge(self, other: Self) -> None:
        """See `Metric`."""
        images, truths = len(self._images), len(self._truth)
        self._images += [entry | {"id": entry["id"] + images} for entry in other._images]
        self._truth += [entry | {"id": entry["id"] + truths, "image_id": entry["image_id"] + images} for entry in other._truth]
        self._found += [entry | {"image_id": entry["image_id"] + images} for entry in other._found]

    def compute(self) -> dict[str, float]:
        """See `Metric`. Without an object in the truth there is no score."""
        present = sorted({entry["category_id"] for entry in self._truth if not entry["iscrowd"]})
        if not present:
            return dict.fromkeys(SUMMARY, float("nan"))
        if not self._found:  # pycocotools takes no empty list
            return dict.fromkeys(SUMMARY, 0.0) | {f"ap{OF_CLASS}{self.classes[label]}": 0.0 for label in present}
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            truth.dataset = {
                "info": {},
                "images": self._images,
                "annotations": self._truth,
                "categories": [{"id": label, "name": name} for label, name in enumerate(self.classes)],
            }
            truth.createIndex()
            judge = COCOeval(truth, truth.loadRes([dict(entry) for entry in self._found]), self.kind)
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
        scores = {name: 100 * float(judge.stats[place]) for name, place in SUMMARY.items()}
        # pycocotools says -1 where there is no object of a size.
        scores = {name: value if value >= 0 else float("nan") for name, value in scores.items()}
        each = judge.eval["precision"][:, :, :, 0, -1]  # overlap, recall, class; all sizes, most detections
        for place, label in enumerate(judge.params.catIds):
            known = each[:, :, place][each[:, :, place] > -1]
            if label in present:
                scores[f"ap{OF_CLASS}{self.classes[label]}"] = 100 * float(known.mean()) if known.size else 0.0
        return scores

    def _true(self, segments: Segments) -> list[Document]:
        """An annotation for each object."""
        boxes, areas = segments.boxes.tolist(), segments.masks.flatten(1).sum(1).tolist()
        shapes = self._shapes(segments.masks, len(segments))
        found = zip(segments.classes.tolist(), segments.crowd.tolist(), boxes, areas, shapes, strict=True)
        return [
            {"category_id": label, "iscrowd": int(crowd), "bbox": _corner_and_size(box), "area": area} | shape
            for label, crowd, box, area, shape in found
        ]

    def _said(self, found: Found) -> list[Document]:
        """A result for each object that a victim found."""
        shapes = self._shapes(found.masks, len(found.classes))
        parts = zip(found.classes.tolist(), found.scores.tolist(), found.boxes.tolist(), shapes, strict=True)
        return [{"category_id": label, "score": score, "bbox": _corner_and_size(box)} | shape for label, score, box, shape in parts]

    def _shapes(self, masks: Tensor | None, count: int) -> list[Document]:
        if self.kind == "bbox":
            return [{}] * count
        assert masks is not None, "AP of masks is for victims that say masks"
        from pycocotools import mask as coco_mask

        return [{"segmentation": coco_mask.encode(np.asfortranarray(mask, np.uint8))} for mask in masks.numpy()]


class MaskPrecision(_AveragePrecision):
    """AP of masks."""

    kind = "segm"


class BoxPrecision(_AveragePrecision):
    """AP of boxes."""

    kind = "bbox"


def _corner_and_size(box: Sequence[float]) -> list[float]:
    """Left, top, right, bottom -> left, top, width, height."""
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]

"""How well a picture is divided into objects and areas: panoptic quality, counted by torchmetrics."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from unseg_cli.bench.examples import Prediction, Target
from unseg_cli.bench.metrics.protocol import OF_CLASS
from unseg_cli.core.constants import IGNORE

if TYPE_CHECKING:
    from typing_extensions import Self


class PanopticScores:
    """PQ = SQ * RQ of every class, averaged over those that occur (Kirillov et al., CVPR 2019).

    Args:
        classes: their names, in the order of their labels.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        from torchmetrics.detection import PanopticQuality

        self.classes = tuple(classes)
        # Every class is a thing for the library, areas being things of which a picture has one: what is compared are segments either way.
        # `IGNORE` is no class, and what the truth does not say counts nowhere. What a victim does not say does count, which the library
        # would forgive: there it has one more class, "nothing".
        self._nothing = len(self.classes)
        self._quality = PanopticQuality(
            things=set(range(self._nothing + 1)),
            stuffs=set(),
            allow_unknown_preds_category=True,
            return_sq_and_rq=True,
            return_per_class=True,
        )

    def update(self, prediction: Prediction, target: Target) -> None:
        """See `Metric`."""
        assert target.segments is not None and prediction.panoptic is not None, "the task divides pictures, and so must its victims"
        truth = torch.full((*target.labels.shape, 2), IGNORE, dtype=torch.int64)
        for number, (mask, label) in enumerate(zip(target.segments.masks, target.segments.classes.tolist(), strict=True)):
            truth[mask] = torch.tensor([label, number])
        said = prediction.panoptic.where(prediction.panoptic[..., :1] != IGNORE, prediction.panoptic.new_tensor([self._nothing, 0]))
        self._quality.update(said[None], truth[None])

    def merge(self, other: Self) -> None:
        """See `Metric`."""
        mine, theirs = self._quality, other._quality
        for state in ("iou_sum", "true_positives", "false_positives", "false_negatives"):
            setattr(mine, state, getattr(mine, state) + getattr(theirs, state))

    def compute(self) -> dict[str, float]:
        """See `Metric`."""
        counted = self._quality
        places = [counted.cat_id_to_continuous_id[label] for label in range(len(self.classes))]  # the library has an order of its own
        present = (counted.true_positives + counted.false_positives + counted.false_negatives)[places] > 0
        if not bool(present.any()):
            return dict.fromkeys(("pq", "sq", "rq"), float("nan"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # counts may have come by `merge` alone
            each = 100 * counted.compute().reshape(-1, 3)[places]
        scores = {name: float(each[present, place].mean()) for place, name in enumerate(("pq", "sq", "rq"))}
        return scores | {f"pq{OF_CLASS}{name}": float(each[label, 0]) for label, name in enumerate(self.classes) if bool(present[label])}

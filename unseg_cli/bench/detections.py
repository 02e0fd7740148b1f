"""How well a generator finds the objects of a data set by itself: the overlap of its masks with the true ones.

What `--protect-masks auto` is worth depends on this more than on the noise: no object that is marked in the wrong place is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unseg_cli.bench.metrics.confusion import binary_iou, confusion_per_picture
from unseg_cli.bench.preparation.maker import NoiseSource
from unseg_cli.core.constants import IGNORE
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import Sample, read_image

RIGHT = 0.5  # IoU from which on an object counts as detected


@dataclass(frozen=True, kw_only=True)
class Detections:
    """Detections compared with the truth.

    Attributes:
        pictures: how many there were.
        iou: the mean IoU of detected and true objects, in [0, 1].
        detected: the share of pictures with an IoU over `RIGHT`.
    """

    pictures: int
    iou: float
    detected: float


def compare_detections(session: NoiseSource, data: LabelledData, samples: Sequence[Sample]) -> Detections:
    """Look for the objects of pictures whose truth is known; a picture without a detection counts as detected as a whole."""
    objects, overlaps = data.foreground_labels(None), []
    for sample in samples:
        labels = data.read_labels(sample)
        truth = np.where(labels == IGNORE, IGNORE, np.isin(labels, objects))
        (made,) = session.noise([read_image(sample.image)], [None], spare=False)
        confusion = confusion_per_picture(torch.from_numpy(made.mask)[None], torch.from_numpy(truth)[None], 2)
        overlaps.append(binary_iou(confusion).item())
    return Detections(pictures=len(overlaps), iou=float(np.mean(overlaps)), detected=float(np.mean(np.array(overlaps) > RIGHT)))

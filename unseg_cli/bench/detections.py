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
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import IGNORE, FloatArray
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import Sample, read_image
from unseg_cli.generators.find import UNSURE

RIGHT, GOOD = 0.5, 0.8  # IoU from which on an object counts as detected, and as detected well
THRESHOLDS = (0.3, 0.4, 0.5, UNSURE, 0.6, 0.7, 0.8)


@dataclass(frozen=True, kw_only=True)
class Sureness:
    """What a threshold of confidence does.

    Attributes:
        threshold: of confidence; under it a detection is unsure.
        unsure: the share of pictures that are.
        wrong: the share of the others whose IoU is under `RIGHT`; None: there are no others.
        poor: and under `GOOD`.
    """

    threshold: float
    unsure: float
    wrong: float | None
    poor: float | None


@dataclass(frozen=True, kw_only=True)
class Detections:
    """Detections compared with the truth.

    Attributes:
        pictures: how many there were.
        iou: the mean IoU of detected and true objects, in [0, 1].
        detected: the share of pictures with an IoU over `RIGHT`.
        sureness: for each of `THRESHOLDS` of confidence (None: nobody said how sure they were).
    """

    pictures: int
    iou: float
    detected: float
    sureness: tuple[Sureness, ...] | None


def compare_detections(session: NoiseSource, data: LabelledData, samples: Sequence[Sample]) -> Detections:
    """Look for the objects of pictures whose truth is known; a picture without a detection counts as detected as a whole."""
    objects, overlaps, confidences = data.foreground_labels(None), [], []
    for sample in samples:
        labels = data.read_labels(sample)
        truth = np.where(labels == IGNORE, IGNORE, np.isin(labels, objects))
        (made,) = session.noise([read_image(sample.image)], [None], budget=NoiseBudget())
        confusion = confusion_per_picture(torch.from_numpy(made.mask)[None], torch.from_numpy(truth)[None], 2)
        overlaps.append(binary_iou(confusion).item())
        confidences.append(made.confidence)
    ious = np.array(overlaps, np.float32)
    said = [confidence for confidence in confidences if confidence is not None]
    return Detections(
        pictures=len(overlaps),
        iou=float(ious.mean()),
        detected=float((ious > RIGHT).mean()),
        # Where nothing is detected nobody says how sure that is; a person should look.
        sureness=sureness(ious, np.array([confidence or 0.0 for confidence in confidences], np.float32)) if said else None,
    )


def sureness(ious: FloatArray, confidences: FloatArray) -> tuple[Sureness, ...]:
    """How many detections each threshold calls unsure, and how many of the others are wrong.

    Args:
        ious: (N,) with the truth.
        confidences: (N,) of the same detections.
    """
    rows = []
    for threshold in THRESHOLDS:
        sure = ious[confidences >= threshold]
        wrong, poor = (float((sure < bound).mean()) if len(sure) else None for bound in (RIGHT, GOOD))
        rows.append(Sureness(threshold=threshold, unsure=1 - len(sure) / len(ious), wrong=wrong, poor=poor))
    return tuple(rows)

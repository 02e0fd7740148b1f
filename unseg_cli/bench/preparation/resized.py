"""A data set as if its files were of another size: what happens to noise, JPEG and the attacker's resizing depends on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from unseg_cli.core.constants import U8Array
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import Sample, Source, Truth
from unseg_cli.pictures.picture import Space


@dataclass(frozen=True)
class ResizedSource:
    """A picture brought to another longer side with Lanczos.

    Attributes:
        source: where its pixels come from.
        side: the longer side in pixels; larger or smaller than the picture's.
    """

    source: Source
    side: int

    def pixels(self) -> tuple[U8Array, Space]:
        """See `Source`."""
        pixels, space = self.source.pixels()
        return _resized(pixels, self.side, Image.Resampling.LANCZOS), space

    def __str__(self) -> str:
        return str(self.source)


def of_size(data: LabelledData, side: int | None) -> LabelledData:
    """The data set with every picture brought to this longer side, training and test pictures alike; None: as it is.

    Pictures with Lanczos, label maps nearest; segments are not carried along. Nothing is read before it is asked for. It says nothing about
    files that were that large from the beginning, which are sharper.
    """
    if side is None:
        return data
    train, test = (tuple(_of_size(sample, side) for sample in samples) for samples in (data.train, data.test))
    return dataclasses.replace(data, train=train, test=test)


def _of_size(sample: Sample, side: int) -> Sample:
    return Sample(id=sample.id, image=ResizedSource(sample.image, side), truth=partial(_truth, sample.truth, side))


def _truth(truth: Callable[[], Truth], side: int) -> Truth:
    labels = truth().labels
    return Truth(labels=None if labels is None else _resized(labels, side, Image.Resampling.NEAREST))


def _resized(pixels: U8Array, side: int, how: Image.Resampling) -> U8Array:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    return np.array(Image.fromarray(pixels).resize((max(1, round(width * scale)), max(1, round(height * scale))), how))

"""Where the object of a picture is, when nobody says so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from unseg_cli.core.constants import BoolArray, FloatArray
from unseg_cli.generators.frame import at_size, own_part
from unseg_cli.generators.runtimes.runtime import Runtime
from unseg_cli.generators.scenes import Scenes
from unseg_cli.noise.arithmetic import runs
from unseg_cli.noise.field import Enlarged
from unseg_cli.pictures.channels import cached_strips

if TYPE_CHECKING:
    from unseg_cli.models.prompt import Prompt

SMALLEST_OBJECT = 0.004  # share of the picture; a smaller detection is no object but a speck, and the whole picture is protected instead
ENOUGH, _NARROW = 1300, 64  # pixels along the longer side of a mask, and along any
UNSURE = 0.55  # confidence below which a person should look at a detection; scripts/measure_detections.py says what it catches


@dataclass(frozen=True, kw_only=True)
class Found:
    """A detection.

    Attributes:
        mask: (H, W) bool, at the picture's own size.
        confidence: in [0, 1], how sure it is that this is the object: under `UNSURE` a person should look; None: whoever found it
            cannot say.
        finder: who found it, as files of detections name it.
    """

    mask: BoolArray
    confidence: float | None = None
    finder: str = "lite"


class ObjectFinder(Protocol):
    """Finds the object of a picture: a generator's own decoder, another network, a file, a click.

    Attributes:
        name: as in `Found.finder`. Another name, or a generator with other weights, means other detections: what was detected under
            an earlier one is done again.
        identity: in fingerprints: what decides its detections beside the generator's weights; None: nothing does.
    """

    name: str
    identity: str | None

    def find(self, scenes: Scenes, prompt: Prompt | None = None) -> list[Found | None]:
        """One detection a picture, None where there is nothing worth the name.

        Args:
            scenes: pictures that a generator has looked at.
            prompt: what points at the objects, one row a picture, in the frame of the generator's input; None: nothing does.
        """
        ...


class OwnFinder:
    """The generator's own mask decoder.

    Args:
        generator: one that finds nothing leaves every picture without a detection.
    """

    name = "lite"
    identity: str | None = None

    def __init__(self, generator: Runtime) -> None:
        self._generator = generator

    def find(self, scenes: Scenes, prompt: Prompt | None = None) -> list[Found | None]:
        """The salient object of every picture, or what the prompt points at. The embedding is at hand: asking again costs little."""
        embedding = scenes.embedding
        logits = self._generator.detect(embedding) if prompt is None else self._generator.segment(embedding, prompt)
        if logits is None:
            return [None] * len(scenes)
        # What somebody points at may be as small as it likes.
        least = SMALLEST_OBJECT if prompt is None else 0.0
        return [_found(plane, image.shape[:2], least, self.name) for plane, image in zip(logits, scenes.images, strict=True)]


def _found(logits: FloatArray, shape: tuple[int, int], least: float, finder: str) -> Found | None:
    """Mask logits (1, n, n) of the padded frame -> the object where they are positive; None where its share is below `least`, or 0."""
    mask = where_above(own_part(logits, shape), 0, shape)
    return Found(mask=mask, finder=finder) if mask.any() and share_of(mask) >= least else None


def where_above(plane: FloatArray, threshold: float, shape: tuple[int, int]) -> BoolArray:
    """(1, h, w) of any size -> (H, W): where it is above a threshold, once it is enlarged to `shape`, see `told_at`."""
    small = told_at(shape)
    enlarged, above = Enlarged(plane, small), np.zeros(small, np.bool_)
    for part in cached_strips(small[0]):
        for columns, sure in columns_above([enlarged], threshold, part):
            above[part, columns] = sure or enlarged.rows(part, columns)[..., 0] > threshold
    return at_size(above, shape)


def told_at(shape: tuple[int, int]) -> tuple[int, int]:
    """The size at which the mask of a picture of this (H, W) is told from the small maps of networks.

    A pixel of those is a dozen of a camera's picture, so its own pixels need not be told one by one: two or three are one.
    """
    factor = max(1, max(shape) // ENOUGH)
    height, width = (max(min(length, _NARROW), math.ceil(length / factor)) for length in shape)
    return height, width


def columns_above(maps: Sequence[Enlarged], threshold: float, part: slice) -> Iterator[tuple[slice, bool]]:
    """The columns where a map may be above a threshold in some of these rows, and whether all maps are so in all of them.

    Nothing in the enlarged map is beyond its neighbours in the small one, so that only edges need be enlarged to tell.
    """
    ranges = [one.range_of_columns(part) for one in maps]
    sure = np.logical_and.reduce([lowest > threshold for lowest, _ in ranges])
    kinds = np.add(sure, np.logical_or.reduce([highest > threshold for _, highest in ranges]), dtype=np.int8)
    for columns in runs(kinds):
        if kinds[columns.start]:
            yield columns, bool(sure[columns.start])


def share_of(mask: BoolArray) -> float:
    """The share of a picture that a mask marks: its mean, many times faster."""
    return np.count_nonzero(mask) / mask.size

"""What every data set consists of: samples, a picture and its truth each. Nothing is decoded before it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import BoolArray, U8Array
from unseg_cli.core.errors import UnsegError, said_of
from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.decode import read_bytes, read_picture
from unseg_cli.pictures.picture import Space

#: (H, W) uint8 of class numbers; 255 (`IGNORE`) is void.
LabelMap = U8Array
#: Left, top, right, bottom in pixels.
Box = tuple[float, float, float, float]
#: COCO's run-length encoding: {"size": [H, W], "counts": ..}.
Rle = dict[str, Any]


class Source(Protocol):
    """Where a picture's pixels come from: a file, a part of an archive, a formula. `str(source)` names it in messages."""

    def pixels(self) -> tuple[U8Array, Space]:
        """(H, W, 3) uint8, upright, and what the channels of the file are: noise on a file of one channel has no colour.

        Raises:
            UnsegError: it cannot be decoded; the message names it.
        """
        ...


class FileLike(Protocol):
    """A source of encoded bytes, with a name whose suffix counts."""

    @property
    def path(self) -> Path:
        """For messages, and for its suffix."""
        ...

    def data(self) -> bytes:
        """The encoded bytes."""
        ...


@dataclass(frozen=True)
class FileSource:
    """A picture or mask in a file of its own."""

    path: Path

    def data(self) -> bytes:
        """The file's bytes."""
        return read_bytes(self.path)

    def pixels(self) -> tuple[U8Array, Space]:
        """See `Source`."""
        return _decoded(self)

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class SliceSource:
    """A picture or mask in an uncompressed archive, read by offset."""

    archive: Path
    member: str
    offset: int
    size: int

    @property
    def path(self) -> Path:
        """The member's name, behind that of the archive."""
        return self.archive / self.member

    def data(self) -> bytes:
        """The member's bytes."""
        with self.archive.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def pixels(self) -> tuple[U8Array, Space]:
        """See `Source`."""
        return _decoded(self)

    def __str__(self) -> str:
        return str(self.path)


def _decoded(source: FileLike) -> tuple[U8Array, Space]:
    with said_of(source.path):
        picture = read_picture(source.path, source.data())
    return visible_rgb(picture.pixels, picture.space), picture.space


def read_image(source: Source) -> U8Array:
    """A picture as `protect` sees it: (H, W, 3) uint8, turned upright as its EXIF says.

    Raises:
        UnsegError: it cannot be decoded.
    """
    return source.pixels()[0]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One object (or a crowd of them) in a picture. Its mask stays encoded until it is asked for.

    Attributes:
        size: (H, W) of the picture.
        shape: polygons [[x, y, x, y, ..], ..], a run-length encoding (compressed or not), or (H, W) bool.
        category: the data set's own number of the class.
        crowd: a group of objects that nobody told apart; neither trained on nor counted.
        box: around it; None where the data set gives none.
        area: in pixels, as the data set says.
    """

    size: tuple[int, int]
    shape: list[list[float]] | Rle | BoolArray
    category: int = 1
    crowd: bool = False
    box: Box | None = None
    area: float = 1.0

    def rle(self) -> Rle:
        """The mask, run-length encoded as pycocotools wants it. The data set's own encoding is not looked at."""
        from pycocotools import mask as coco_mask

        if isinstance(self.shape, np.ndarray):
            return cast(Rle, coco_mask.encode(np.asfortranarray(self.shape, np.uint8)))
        if isinstance(self.shape, list):
            return cast(Rle, coco_mask.merge(coco_mask.frPyObjects(self.shape, *self.size)))
        if isinstance(self.shape["counts"], list):
            return cast(Rle, coco_mask.frPyObjects(self.shape, *self.size))
        return self.shape

    def mask(self) -> BoolArray:
        """(H, W).

        Raises:
            UnsegError: the data set's encoding is damaged.
        """
        if isinstance(self.shape, np.ndarray):
            return self.shape
        from pycocotools import mask as coco_mask

        try:
            return cast("npt.NDArray[np.uint8]", coco_mask.decode(self.rle())).astype(bool)
        except (ValueError, TypeError, OverflowError) as problem:
            raise UnsegError(f"the mask of an object cannot be decoded ({problem})", hint="mend or remove it in the annotations") from None


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is known about a picture, as far as its data set says it.

    Attributes:
        labels: (H, W) uint8, the class number of every pixel, 255 = void; None: the data set has no label maps.
        segments: the objects, in the order of the data set; () where it tells none apart.
    """

    labels: LabelMap | None = None
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A picture and its truth.

    Attributes:
        id: unique in its data set; the same in every opening. For files their path below the data set, without the suffix.
        image: where the picture comes from.
        truth: reads it. A function that can be pickled, so that loader processes can be sent samples.
    """

    id: str
    image: Source
    truth: Callable[[], Truth]

"""A decoded picture file: upright pixels, and all that is needed to write them back in kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from unseg_cli.pictures.metadata import Metadata

#: uint8 or uint16.
PixelArray = npt.NDArray[Any]
#: Numbers of one kind, or truth values, for each pixel.
MapArray = TypeVar("MapArray", npt.NDArray[np.bool_], npt.NDArray[np.int32])


class PixelRows(Protocol):
    """Pixels of which some rows are looked at at a time: an array, or `DrawnRows`."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> PixelArray: ...

    def __array__(self) -> PixelArray: ...


Space = Literal["grey", "rgb", "cmyk"]
Kind = Literal["jpeg", "png", "webp", "tiff", "bmp", "heif", "avif", "gif"]


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How the pixels of a file were compressed.

    Attributes:
        lossless: the pixels that were encoded are the pixels that are decoded.
        quality: the encoder's quality as estimated from the file, 1 to 100; None where a file does not tell.
        progressive: a progressive JPEG.
        compressed: a TIFF that is not raw.
        tables: quantisation tables of a JPEG, by number.
        sampling: Pillow's code of a JPEG's chroma subsampling (0 is 4:4:4), -1 where it has none.
    """

    lossless: bool = True
    quality: int | None = None
    progressive: bool = False
    compressed: bool = True
    tables: dict[int, list[int]] = field(default_factory=dict)
    sampling: int = -1


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What a picture file holds.

    Attributes:
        pixels: upright; (H, W) grey, (H, W, 3) rgb or (H, W, 4) cmyk (255 = full ink); uint8 or uint16.
        alpha: (H, W) of the same type, or None.
        space: what the channels of `pixels` are.
        kind: the file format.
        orientation: EXIF orientation of the file, 1 to 8; `pixels` have it applied already.
        metadata: everything that is not pixels.
        coding: how the file was compressed.
        notes: what was changed on the way in, for the user to read.
        made_from: (H, W) of the file's upright pixels, where the picture was made smaller.
    """

    pixels: PixelArray
    alpha: PixelArray | None = None
    space: Space
    kind: Kind
    orientation: int = 1
    metadata: Metadata = field(default_factory=Metadata)
    coding: Coding = field(default_factory=Coding)
    notes: tuple[str, ...] = ()
    made_from: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the upright picture."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])

    @property
    def file_size(self) -> tuple[int, int]:
        """(H, W) of the upright picture in the file, which its masks have, too."""
        return self.made_from or self.size


def same_alpha(a: Picture, b: Picture) -> bool:
    """Whether two pictures are transparent in the same way, or both have no alpha."""
    if a.alpha is None or b.alpha is None:
        return a.alpha is b.alpha
    return np.array_equal(a.alpha, b.alpha)


def to_upright(stored: PixelArray, orientation: int) -> PixelArray:
    """Apply an EXIF orientation: (h, w, ...) as stored in a file -> (H, W, ...) as seen. A view where possible."""
    if orientation in (5, 6, 7, 8):
        stored = stored.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        stored = stored[::-1]
    if orientation in (2, 3, 6, 7):
        stored = stored[:, ::-1]
    return stored


def from_upright(upright: PixelArray, orientation: int) -> PixelArray:
    """Inverse of `to_upright`."""
    if orientation in (2, 3, 6, 7):
        upright = upright[:, ::-1]
    if orientation in (3, 4, 7, 8):
        upright = upright[::-1]
    if orientation in (5, 6, 7, 8):
        upright = upright.swapaxes(0, 1)
    return upright


def full_scale(pixels: PixelArray) -> int:
    """The value of full intensity: 255 or 65535."""
    return int(np.iinfo(pixels.dtype).max)

"""What a picture is on its way, from stage to stage (`protect/one.py`): two files, decoded, with noise, and a file again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import BoolArray
from unseg_cli.generators.session import PictureNoise
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.pictures.encode import Encoding
from unseg_cli.pictures.picture import Picture, PixelRows
from unseg_cli.protect.manifest import Record


@dataclass(frozen=True, kw_only=True)
class Source:
    """A clean picture and its mask, as files hold them.

    Attributes:
        data, sha256: the picture file and its hash.
        mask, mask_sha256: the owner's mask file and its hash; None where there is none.
        name, mask_name: what the two files are called, for messages.
        seconds: what it took to fetch them.
    """

    data: bytes
    sha256: str
    mask: bytes | None
    mask_sha256: str | None
    name: str
    mask_name: str
    seconds: float

    @classmethod
    def of(cls, data: bytes, mask: bytes | None = None, *, name: str = "picture", mask_name: str = "mask", seconds: float = 0.0) -> Source:
        """Hash both."""
        mask_sha256 = None if mask is None else sha256_hex(mask)
        return cls(data=data, sha256=sha256_hex(data), mask=mask, mask_sha256=mask_sha256, name=name, mask_name=mask_name, seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A decoded picture, ready for noise.

    Attributes:
        picture: upright, in the depth and space that it will be written in: the clean reference of all measurements.
        encoding: how it will be written.
        mask: (H, W) foreground, or None where nobody gave one.
        classes: (H, W) class numbers with --per-class.
        src_sha256, mask_sha256, src_bytes: of the files it came from.
        seconds: time spent on it so far.
    """

    picture: Picture
    encoding: Encoding
    mask: BoolArray | None
    classes: npt.NDArray[np.int32] | None
    src_sha256: str
    mask_sha256: str | None
    src_bytes: int
    seconds: float

    @property
    def area(self) -> int:
        """Its number of pixels."""
        height, width = self.picture.size
        return height * width


@dataclass(frozen=True, kw_only=True)
class Noised:
    """A picture with noise, not yet encoded.

    Attributes:
        opened: what it was.
        pixels: like `opened.picture.pixels`; of a huge picture they are drawn when they are asked for.
        made: the noise, and the mask as used.
        seconds: time spent on it so far.
    """

    opened: Opened
    pixels: PixelRows
    made: PictureNoise
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Written:
    """The file of a protected picture.

    Attributes:
        data: the file.
        record: its line of the manifest, but for the names.
    """

    data: bytes
    record: Record


@dataclass(frozen=True, kw_only=True)
class Protected(Written):
    """A protected picture: its file, and what was measured on it.

    Attributes:
        clean: the picture as it was, upright, in the depth and space of the written one.
        noised: pixels with noise, as they went into the codec.
        written: `data`, decoded again.
        mask: (H, W) where the foreground's bound counted.
    """

    clean: Picture
    noised: PixelRows
    written: Picture
    mask: BoolArray

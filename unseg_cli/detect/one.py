"""One picture, from bytes to its mask: no files, no threads."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from unseg_cli.core.constants import BoolArray, U8Array
from unseg_cli.core.errors import UnsegError
from unseg_cli.detect.correction import Correction
from unseg_cli.detect.records import OWNER
from unseg_cli.generators.find import Found
from unseg_cli.generators.session import Session
from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.masks import mask_rule, read_mask


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A decoded picture, ready to be looked at.

    Attributes:
        image: (H, W, 3) uint8, upright.
        current: (H, W), what its mask file marks now; None where there is none.
        src_sha256: of its file.
        replaces: hash of the mask that is there now, None where there is none.
    """

    image: U8Array
    current: BoolArray | None
    src_sha256: str
    replaces: str | None

    @property
    def area(self) -> int:
        """Its number of pixels."""
        return self.image.shape[0] * self.image.shape[1]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.image.shape[0], self.image.shape[1]


def open_image(name: str, data: bytes) -> U8Array:
    """A picture file -> (H, W, 3) uint8, upright.

    Raises:
        UnsegError: damaged or unsupported.
    """
    picture = read_picture(Path(name), data)
    return np.ascontiguousarray(visible_rgb(picture.pixels, picture.space))


def open_mask(name: str, data: bytes, size: tuple[int, int]) -> BoolArray:
    """A mask file -> (H, W) bool, as `unseg protect --masks` reads it.

    Raises:
        UnsegError: not readable, of another size than the picture, or a photograph.
    """
    return read_mask(Path(name), mask_rule("nonzero"), size, data)


def find_objects(batch: Sequence[Opened], session: Session, correction: Correction) -> list[Found | None]:
    """Look at several pictures at once, or at one that its owner says something about.

    Raises:
        UnsegError: what the owner says leads to no object.
    """
    if correction.whole:
        return [Found(mask=np.ones(opened.size, np.bool_), confidence=1.0, finder=OWNER) for opened in batch]
    scenes = session.look([opened.image for opened in batch])
    if not correction:
        return session.finder.find(scenes)
    from unseg_cli.detect.pointing import corrected  # needs PyTorch and scikit-image, which few need

    (opened,) = batch
    mask = corrected(session, scenes, correction, opened.current)
    if not mask.any():
        raise UnsegError(
            f"has no object where {correction.flag} says", hint="pass --box x0,y0,x1,y1 around it, or draw its mask in a paint program"
        )
    return [Found(mask=mask, confidence=1.0, finder=OWNER)]


def mask_file(found: Found | None, size: tuple[int, int]) -> bytes:
    """A PNG of 0 and 255; of 0 alone where nothing was found, which `unseg protect` takes for the whole picture."""
    marked = np.zeros(size, np.bool_) if found is None else found.mask
    out = io.BytesIO()
    Image.fromarray(marked.astype(np.uint8) * np.uint8(255)).save(out, "PNG")
    return out.getvalue()

"""A small picture with the outline of its mask over it, of bounded size in bytes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from unseg_cli.core.constants import BoolArray, U8Array

#: Longer side in pixels, and bytes at the most.
LONGEST, MOST_BYTES = 256, 12_000
#: Raise it where thumbnails come to look different: older ones are drawn again.
VERSION = 1
OUTLINE = (255, 214, 0)
_DIMMED = 0.55  # what is left of the brightness outside the object
_TRIES = ((1, 82), (1, 65), (1, 45), (1, 25), (2, 45), (4, 25))


def thumbnail(image: U8Array, mask: BoolArray) -> bytes:
    """A JPEG of `outlined`.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W).
    """
    drawn = outlined(image, mask, LONGEST)
    data = b""
    for part, quality in _TRIES:
        data = _jpeg(drawn.reduce(part) if part > 1 and min(drawn.size) >= part else drawn, quality)
        if len(data) <= MOST_BYTES:
            break
    return data


def outlined(image: U8Array, mask: BoolArray, longest: int) -> Image.Image:
    """The object as it is, a yellow line around it, the rest darker; without an object nothing is darker.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W).
        longest: side of the result in pixels; a smaller picture is not enlarged.
    """
    scale = min(1.0, longest / max(mask.shape))
    size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)).astype(np.float32)
    share = Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).resize(size, Image.Resampling.BOX)
    plane = share.point(lambda value: 255 * (value > 127))
    if mask.any():
        inside = np.asarray(plane) > 0
        small[~inside] *= _DIMMED
        # Two pixels wide: one inside the object and one outside; at the border of the picture the inner one alone.
        grown, shrunk = (np.asarray(plane.filter(kind(3))) > 0 for kind in (ImageFilter.MaxFilter, ImageFilter.MinFilter))
        small[grown & ~shrunk] = OUTLINE
    return Image.fromarray(small.round().astype(np.uint8))


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()

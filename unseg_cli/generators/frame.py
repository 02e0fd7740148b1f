"""Between a picture at its own size and the generator's square frame: longer side to S, padded right and bottom."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from unseg_cli.core.constants import BoolArray, FloatArray, U8Array
from unseg_cli.noise.arithmetic import to_frames_01
from unseg_cli.pictures.channels import strips
from unseg_cli.pictures.smaller import fitted_size

#: Networks look at pictures of at most so many pixels along a side; larger ones are first shrunk by whole factors to three times that,
#: which is many times faster and hardly different.
LARGEST_FRAME = 320
_GAP = 3.0
_STRIP = 16  # rows of the shrunk picture


def shrunk(image: U8Array) -> U8Array:
    """A picture as small as networks need it: (H, W, 3) -> (h, w, 3), shrunk by a whole factor; as it is where it is not large."""
    factor = int(max(image.shape) / LARGEST_FRAME / _GAP)
    if factor <= 1:
        return image
    # In strips: Pillow copies what it is handed, with a byte more for each pixel.
    parts = [Image.fromarray(np.ascontiguousarray(image[rows])).reduce(factor) for rows in strips(len(image), _STRIP * factor)]
    return np.concatenate([np.asarray(part) for part in parts])


def to_frame(image: U8Array, size: int, shape: tuple[int, ...] | None = None) -> FloatArray:
    """(H, W, 3) -> (3, size, size) in [0, 1], resized so that the longer side is `size`, padded right and bottom with zeros.

    The paper pads first and resizes then; the result is the same but for the seam, and large pictures need no square copy.

    Args:
        image: the picture, which may be `shrunk`.
        size: side of the frame.
        shape: (H, W) of the picture as it was; None: as it is.
    """
    small = _resize(image, size, shape or image.shape)
    frame = np.zeros((3, size, size), np.float32)
    frame[:, : small.shape[0], : small.shape[1]] = to_frames_01(small)
    return frame


def mask_to_frame(mask: BoolArray, size: int) -> FloatArray:
    """(H, W) -> (1, size, size) share of foreground in each pixel."""
    plane = _resize(mask.astype(np.uint8) * np.uint8(255), size, mask.shape)
    frame = np.zeros((1, size, size), np.float32)
    frame[0, : plane.shape[0], : plane.shape[1]] = plane.astype(np.float32) / 255
    return frame


def to_square(image: U8Array, size: int) -> FloatArray:
    """(H, W, 3) -> (3, size, size) in [0, 1], stretched."""
    picture = Image.fromarray(np.ascontiguousarray(image)).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=_GAP)
    return to_frames_01(np.asarray(picture))


def place_in_frame(x: float, y: float, shape: tuple[int, int], size: int) -> tuple[float, float]:
    """A place in a picture of this (H, W), in pixels from its left and upper edge, -> the same place in the frame of side `size`."""
    new_h, new_w = fitted_size(shape[0], shape[1], size)
    return x * new_w / shape[1], y * new_h / shape[0]


def own_part(plane: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """(C, n, n) of a whole frame -> (C, h, w): the part that a picture of this (H, W) fills; the rest is padding."""
    new_h, new_w = fitted_size(shape[0], shape[1], plane.shape[-1])
    return plane[:, :new_h, :new_w]


def at_size(plane: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """A mask or map of a picture at another size, each place as often as it is needed: (h, w) -> `shape`."""
    if plane.shape == shape:
        return plane
    down, across = (np.arange(new) * old // new for new, old in zip(shape, plane.shape, strict=True))
    return plane.take(across, axis=1, mode="clip").take(down, axis=0, mode="clip")


def with_surroundings(frame: FloatArray, shape: tuple[int, ...], margin: int) -> FloatArray:
    """(C, S, S) -> (C, h, w): the part that a picture of this (H, W) fills and, of the padding, as much as can matter to it.

    Args:
        frame: S even.
        shape: (H, W).
        margin: how far beyond its edge anything matters to a picture, in pixels of the frame; even.
    """
    new_h, new_w = _surrounded(fitted_size(shape[0], shape[1], frame.shape[-1]), frame.shape[-1], margin)
    return frame[:, :new_h, :new_w]


def surrounded(picture: U8Array, margin: int) -> FloatArray:
    """The same of a frame that a picture fills as it is: (h, w, 3) -> (3, h', w') in [0, 1], sides even."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    planes = np.zeros((3, *_surrounded((height, width), longest + longest % 2, margin)), np.float32)
    planes[:, :height, :width] = to_frames_01(picture)
    return planes


def _surrounded(filled: tuple[int, int], side: int, margin: int) -> tuple[int, int]:
    """What is left of a frame of this side, of which a picture fills so much: even, and no more than there is."""
    height, width = (min(side, length + length % 2 + margin) for length in filled)
    return height, width


def _resize(pixels: U8Array, size: int, shape: tuple[int, ...]) -> U8Array:
    new_h, new_w = fitted_size(shape[0], shape[1], size)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((new_w, new_h), Image.Resampling.BILINEAR, reducing_gap=_GAP))

"""Between a picture at its own size and the generator's square frame: longer side to S, padded right and bottom."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from unseg_cli.core.constants import BoolArray, U8Array
from unseg_cli.noise.arithmetic import to_tensor_01


def to_frame(image: U8Array, size: int) -> Tensor:
    """(H, W, 3) -> (3, size, size) in [0, 1], resized so that the longer side is `size`, padded right and bottom with zeros.

    The paper pads first and resizes then; the result is the same but for the seam, and large pictures need no square copy.
    """
    return F.pad(to_tensor_01(_resize(image, size)), _padding(image.shape, size))


def mask_to_frame(mask: BoolArray, size: int) -> Tensor:
    """(H, W) -> (1, size, size) share of foreground in each pixel."""
    plane = _resize(mask.astype(np.uint8) * np.uint8(255), size)
    return F.pad(torch.from_numpy(plane).float().div_(255)[None], _padding(mask.shape, size))


def place_in_frame(x: float, y: float, shape: tuple[int, int], size: int) -> tuple[float, float]:
    """A place in a picture of this (H, W), in pixels from its left and upper edge, -> the same place in the frame of side `size`."""
    new_h, new_w = _inner_size(shape[0], shape[1], size)
    return x * new_w / shape[1], y * new_h / shape[0]


def own_part(plane: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(C, n, n) of a whole frame -> (C, h, w): the part that a picture of this (H, W) fills; the rest is padding."""
    new_h, new_w = _inner_size(shape[0], shape[1], plane.shape[-1])
    return plane[:, :new_h, :new_w]


def _resize(pixels: U8Array, size: int) -> U8Array:
    new_h, new_w = _inner_size(pixels.shape[0], pixels.shape[1], size)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    # The gap lets Pillow shrink large pictures by whole factors first, many times faster and hardly different.
    return np.array(picture.resize((new_w, new_h), Image.Resampling.BILINEAR, reducing_gap=3.0))


def _padding(shape: tuple[int, ...], size: int) -> tuple[int, int, int, int]:
    new_h, new_w = _inner_size(shape[0], shape[1], size)
    return 0, size - new_w, 0, size - new_h


def _inner_size(height: int, width: int, size: int) -> tuple[int, int]:
    """The picture's own part of a padded square frame of side `size`."""
    longest = max(height, width)
    return max(1, round(height * size / longest)), max(1, round(width * size / longest))

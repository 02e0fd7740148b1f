"""Augmentation of training pairs: flip and large-scale jitter into a zero-padded square."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from unseg_cli.core.common_settings import SCALES
from unseg_cli.noise.tensors import to_tensor_01

FOCUS_SCALES = (0.7, 1.4)
SMALLEST_OBJECT = 0.001  # share of the square below which the cut is drawn again


def augment(
    image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], size: int, rng: np.random.Generator, *, scales: tuple[float, float] = SCALES
) -> tuple[Tensor, Tensor]:
    """Flip, scale, cut or pad to size x size.

    A cut that loses the object is drawn again, and the plain resize is taken when that keeps failing. A picture without an object
    has none to lose.

    Args:
        image: (H, W, 3).
        mask: (H, W).
        size: side of the square in pixels.
        rng: consumed.
        scales: range of the random scale; (1, 1) gives the plain frame of `protect`.

    Returns:
        image (3, size, size) in [0, 1] and mask (1, size, size) of 0 and 1.
    """
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    for _ in range(4):
        scale = float(np.exp(rng.uniform(np.log(scales[0]), np.log(scales[1])))) if scales[0] < scales[1] else scales[0]
        pair = _place(image, mask, size, scale, rng)
        if pair[1].mean() > SMALLEST_OBJECT or not mask.any():
            return pair
    return _place(image, mask, size, 1.0, rng)


def _place(
    image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], size: int, scale: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    height, width = mask.shape
    factor = size * scale / max(height, width)
    new_h, new_w = max(1, round(height * factor)), max(1, round(width * factor))
    picture = np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((new_w, new_h), Image.Resampling.BILINEAR))
    plane = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize((new_w, new_h), Image.Resampling.BILINEAR))
    top, left = int(rng.integers(0, max(0, new_h - size) + 1)), int(rng.integers(0, max(0, new_w - size) + 1))
    picture, plane = picture[top : top + size, left : left + size], plane[top : top + size, left : left + size] > 127
    canvas = np.zeros((size, size, 3), np.uint8)
    canvas[: picture.shape[0], : picture.shape[1]] = picture
    region = torch.zeros(1, size, size)
    region[0, : plane.shape[0], : plane.shape[1]] = torch.from_numpy(plane)
    return to_tensor_01(canvas), region

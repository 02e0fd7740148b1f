"""Arithmetic of noise and budgets, and the two closed-form rivals of the generator. No learning here."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseg_cli.config import NoiseBudget

#: Shares of red, green and blue in luma: ITU-R 601, as Pillow and JPEG convert.
LUMA = (0.299, 0.587, 0.114)
GREEN = 1  # the channel that luma follows most, and the one that files of one channel take of the noise
LIKE = 2.5 / 255  # channels of a grey picture may differ by two grey levels

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


def budget_levels(epsilon: float, full_scale: int = 255) -> int:
    """The largest whole number of levels within `epsilon` (8/255 -> 8), so that rounding never exceeds the budget."""
    return int(epsilon * full_scale + 1e-6)


def apply_noise(
    image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], noise: FloatArray, mask: BoolArray, budget: NoiseBudget
) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """clip(image + noise * budget), rounded to the image's own integer levels, never beyond the budget.

    Args:
        image: (H, W) or (H, W, C) uint8 or uint16.
        noise: same shape, in [-1, 1].
        mask: (H, W) foreground mask.
        budget: bounds inside and outside of the mask.

    Returns:
        An array of the image's shape and type.
    """
    full_scale = int(np.iinfo(image.dtype).max)
    bound = np.where(mask, np.float32(budget.foreground * full_scale), np.float32(budget.background * full_scale))
    whole = np.where(mask, budget_levels(budget.foreground, full_scale), budget_levels(budget.background, full_scale))
    if image.ndim == 3:
        bound, whole = bound[..., None], whole[..., None]
    step = np.clip(np.rint(noise * bound).astype(np.int32), -whole, whole)
    return np.clip(image.astype(np.int32) + step, 0, full_scale).astype(image.dtype)


def perturb(image_01: Tensor, noise: Tensor, mask: Tensor, budget: NoiseBudget) -> Tensor:
    """Differentiable `apply_noise` without rounding.

    Args:
        image_01: (B, 3, H, W) in [0, 1].
        noise: (B, 3, H, W) in [-1, 1].
        mask: (B, 1, H, W) in [0, 1], 1 = foreground.
        budget: bounds inside and outside of the mask.
    """
    bound = budget.foreground * mask + budget.background * (1 - mask)
    return (image_01 + noise * bound).clamp(0, 1)


def random_noise(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """The control: independent uniform noise, (H, W, 3) in [-1, 1]."""
    return rng.uniform(-1, 1, (height, width, 3)).astype(np.float32)


def texture_noise(mask: BoolArray, *, cells_per_side: int = 48, tile_cells: int = 8, seed: int = 0) -> FloatArray:
    """The closed-form rival: one fixed random sign tile, repeated, whose sign flips at the mask edge.

    The grid is relative to the longer side, so that the cells survive whatever size the attacker trains at.

    Args:
        mask: (H, W) foreground mask; + inside, - outside.
        cells_per_side: cells along the longer side.
        tile_cells: the tile is tile_cells x tile_cells cells.
        seed: draws the tile; the same for every picture, or the shortcut would not be shared.

    Returns:
        (H, W, 3) of -1 and 1.
    """
    tile = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), (tile_cells, tile_cells, 3))
    return (tiled(tile, mask.shape, cells_per_side) * np.where(mask, 1.0, -1.0)[..., None]).astype(np.float32)


def tiled(tile: npt.NDArray[Any], shape: tuple[int, ...], cells_per_side: float) -> npt.NDArray[Any]:
    """Repeat a tile over a picture.

    Args:
        tile: (n, n, 3), one entry a cell.
        shape: (H, W) of the picture.
        cells_per_side: cells along the longer side.

    Returns:
        (H, W, 3), of the tile's type.
    """
    cell = max(shape) / cells_per_side
    rows, columns = ((np.arange(length) / cell).astype(int) % len(tile) for length in shape)
    return tile[rows[:, None], columns[None, :]]


def luma(image_01: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W), BT.601."""
    return (image_01 * image_01.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def without_colour(image_01: Tensor) -> Tensor:
    """(B,) bool: whether the channels of (B, 3, H, W) are alike everywhere, up to the rounding of a codec."""
    return (image_01.amax(1) - image_01.amin(1)).amax((1, 2)) <= LIKE


def to_tensor_01(image_u8: npt.NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image_u8.transpose(2, 0, 1))).float().div_(255)

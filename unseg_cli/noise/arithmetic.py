"""Arithmetic of noise and budgets, on arrays and on tensors. No learning here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray, FloatArray

#: Shares of red, green and blue in luma: ITU-R 601, as Pillow and JPEG convert.
LUMA = (0.299, 0.587, 0.114)
GREEN = 1  # the channel that luma follows most, and the one that files of one channel take of the noise
LIKE = 2.5 / 255  # channels of a grey picture may differ by two grey levels


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


def luma(image_01: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W), BT.601."""
    return (image_01 * image_01.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def without_colour(image_01: Tensor) -> Tensor:
    """(B,) bool: whether the channels of (B, 3, H, W) are alike everywhere, up to the rounding of a codec."""
    return (image_01.amax(1) - image_01.amin(1)).amax((1, 2)) <= LIKE


def to_tensor_01(image_u8: npt.NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image_u8.transpose(2, 0, 1))).float().div_(255)

"""Arithmetic of noise on tensors: what training and networks need of `arithmetic`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.noise.arithmetic import LIKE, LUMA, to_frames_01


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
    return torch.from_numpy(to_frames_01(image_u8))

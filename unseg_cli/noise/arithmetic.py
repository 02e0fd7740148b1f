"""Arithmetic of noise and budgets on arrays. No learning here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray, FloatArray, U8Array

#: Shares of red, green and blue in luma: ITU-R 601, as Pillow and JPEG convert.
LUMA = (0.299, 0.587, 0.114)
GREEN = 1  # the channel that luma follows most, and the one that files of one channel take of the noise
_ROUNDED_UP = 0.25  # of 4.6 levels some of the noise is rounded to 5
LIKE = 2.5 / 255  # channels of a grey picture may differ by two grey levels


def budget_levels(epsilon: float, full_scale: int = 255) -> int:
    """The largest whole number of levels within `epsilon` (8/255 -> 8), so that rounding never exceeds the budget."""
    return int(epsilon * full_scale + 1e-6)


def bounds_of(mask: BoolArray, budget: NoiseBudget, full_scale: int) -> FloatArray:
    """What noise is multiplied with at each place, in levels: (H, W) float32."""
    inside, outside = (np.float32(epsilon * full_scale) for epsilon in (budget.foreground, budget.background))
    if budget_levels(budget.background, full_scale) == 0:
        outside = np.float32(0)
    bound: FloatArray = mask.astype(np.float32)
    beside = (1 - bound) * outside if outside else None
    bound *= inside
    if beside is not None:
        bound += beside
    return bound


def whole(noise: FloatArray, bound: float) -> FloatArray:
    """Noise in levels, none of it more than `bound`, rounded to whole ones, none of them more than `bound` either."""
    most = budget_levels(bound, 1)
    rounded: FloatArray = np.rint(noise)
    return np.clip(rounded, -most, most) if bound - most > _ROUNDED_UP else rounded


def whole_levels(noise: FloatArray, mask: BoolArray, budget: NoiseBudget, full_scale: int) -> FloatArray:
    """Noise in levels, rounded to whole ones within the budget, in place.

    Args:
        noise: (H, W) or (C, H, W) float32, each place at most as much as `bounds_of` says.
        mask: (H, W) foreground mask.
        budget: bounds inside and outside of the mask.
        full_scale: 255 or 65535.
    """
    np.rint(noise, out=noise)
    bounds = [(epsilon * full_scale, budget_levels(epsilon, full_scale)) for epsilon in (budget.foreground, budget.background)]
    if any(bound - most > _ROUNDED_UP for bound, most in bounds):
        most = np.where(mask, np.float32(bounds[0][1]), np.float32(bounds[1][1]))
        np.clip(noise, -most, most, out=noise)
    return noise


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
    planes = noise.transpose(2, 0, 1) if image.ndim == 3 else noise
    step = whole_levels(planes * bounds_of(mask, budget, full_scale), mask, budget, full_scale)
    step = step.transpose(1, 2, 0) if image.ndim == 3 else step
    step += image
    np.clip(step, 0, full_scale, out=step)
    return step.astype(np.uint8) if image.dtype == np.uint8 else step.astype(np.uint16)


def runs(values: npt.NDArray[Any]) -> Iterator[slice]:
    """Where neighbours of (N,) are equal: one slice a stretch, in order."""
    starts = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return (slice(start, stop) for start, stop in pairwise(starts) if start < stop)


def to_frames_01(image_u8: U8Array) -> FloatArray:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [0, 1]."""
    frame = np.ascontiguousarray(image_u8.transpose(2, 0, 1)).astype(np.float32)
    frame /= 255
    return frame


def luma_of(frame_01: FloatArray) -> FloatArray:
    """(3, H, W) -> (H, W), BT.601."""
    red, green, blue = (np.float32(share) for share in LUMA)
    return frame_01[0] * red + frame_01[1] * green + frame_01[2] * blue


def sigmoid(logits: FloatArray) -> FloatArray:
    """Logits -> probabilities in [0, 1]; far below 0 they are 0, without a warning."""
    with np.errstate(over="ignore"):
        return np.reciprocal(np.float32(1) + np.exp(-logits))


def is_grey(frame_01: FloatArray) -> bool:
    """Whether the channels of (3, H, W) are alike everywhere, up to the rounding of a codec."""
    few = frame_01[:, ::8, ::8]  # which settle it for nearly all pictures
    return all(bool((part.max(0) - part.min(0)).max() <= LIKE) for part in (few, frame_01))

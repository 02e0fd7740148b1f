"""How different two pictures are: largest change, PSNR, SSIM. Computed in row strips, so that memory does not grow with the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from unseg_cli.core.constants import BoolArray, FloatArray
from unseg_cli.noise.arithmetic import LUMA
from unseg_cli.pictures.channels import distance, strips
from unseg_cli.pictures.picture import full_scale

_ROWS = 64
_WINDOW = 7


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What `measure` returns.

    Attributes:
        linf_255: the largest change of a channel of a pixel, in 1/255 of full intensity.
        psnr: in dB over all colour channels; None (JSON null) where the pictures are equal, since it would be infinite.
        ssim: structural similarity of the luminance, at most 1; None where a side is shorter than 7 pixels.
    """

    linf_255: float
    psnr: float | None
    ssim: float | None


def measure(clean: npt.NDArray[Any], other: npt.NDArray[Any]) -> Difference:
    """All three of two arrays of one shape and type: (H, W), (H, W, 3) RGB or (H, W, 4) CMYK, uint8 or uint16.

    Raises:
        ValueError: shapes or types differ.
    """
    return Difference(linf_255=linf_255(clean, other), psnr=psnr(clean, other), ssim=ssim(clean, other))


def linf_255(clean: npt.NDArray[Any], other: npt.NDArray[Any], where: BoolArray | None = None) -> float:
    """The largest change in 1/255 of full intensity (for uint16 a fraction is possible).

    Args:
        clean: see `measure`.
        other: see `measure`.
        where: (H, W) the pixels that count; None: all. 0 where there are none.
    """
    check_alike(clean, other)
    largest = 0
    for rows in strips(len(clean), _ROWS):
        a, b = (pixels[rows] if where is None else pixels[rows][where[rows]] for pixels in (clean, other))
        largest = max(largest, int(distance(a, b).max(initial=0)))
    return largest * 255 / full_scale(clean)


def psnr(clean: npt.NDArray[Any], other: npt.NDArray[Any]) -> float | None:
    """Peak signal-to-noise ratio in dB; None where the arrays are equal."""
    check_alike(clean, other)
    total = 0.0
    for rows in strips(len(clean), _ROWS):
        step = clean[rows].astype(np.float32) - other[rows].astype(np.float32)
        total += float((step * step).sum(dtype=np.float64))
    if total == 0:
        return None
    return 10 * math.log10(full_scale(clean) ** 2 * clean.size / total)


def ssim(clean: npt.NDArray[Any], other: npt.NDArray[Any]) -> float | None:
    """Structural similarity (Wang et al. 2004) of the luminance, as scikit-image computes it by default: mean over whole 7 x 7 windows."""
    check_alike(clean, other)
    height, width = clean.shape[:2]
    if min(height, width) < _WINDOW:
        return None
    total, edge = 0.0, _WINDOW // 2
    for top in range(0, height - _WINDOW + 1, _ROWS):
        rows = slice(top, min(top + _ROWS + _WINDOW - 1, height))
        _, likeness = structural_similarity(_luminance(clean[rows]), _luminance(other[rows]), win_size=_WINDOW, data_range=1.0, full=True)
        total += float(likeness[edge:-edge, edge:-edge].sum(dtype=np.float64))
    return total / ((height - _WINDOW + 1) * (width - _WINDOW + 1))


def _luminance(pixels: npt.NDArray[Any]) -> FloatArray:
    """(h, w[, 3 | 4]) -> (h, w) float32 in [0, 1]; BT.601 weights."""
    values: FloatArray = pixels.astype(np.float32)
    values *= np.float32(1 / full_scale(pixels))
    if values.ndim == 3:
        rgb = values if values.shape[2] == 3 else (1 - values[..., :3]) * (1 - values[..., 3:])
        red, green, blue = (np.float32(share) for share in LUMA)
        values = rgb[..., 0] * red + rgb[..., 1] * green + rgb[..., 2] * blue
    return values


def check_alike(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> None:
    """Raise ValueError where two arrays are of different shape or type."""
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(f"pictures differ in kind: {a.shape} {a.dtype} and {b.shape} {b.dtype}")

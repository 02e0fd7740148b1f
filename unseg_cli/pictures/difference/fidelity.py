"""How different two pictures are: largest change, PSNR, SSIM. Computed in row strips, so that memory does not grow with the picture.

The largest change is of all pixels. The other two are means, for which some of a large picture are enough: comparing all of its pixels
takes longer than encoding them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import BoolArray
from unseg_cli.noise.arithmetic import LUMA
from unseg_cli.pictures.channels import distance, strips, sum_of_products
from unseg_cli.pictures.picture import full_scale

_ROWS = 32  # at a time: they fit the processor's cache
_BAND, _PIXELS = 8, 1_000_000
_WINDOW = 7
_Doubles = npt.NDArray[np.float64]
_WINDOWS, _AT_ONCE = 40_000, 6000  # the latter fit there, too
_K1, _K2 = 0.01**2, 0.03**2  # what keeps the quotients finite where there is no light or no detail


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
    """Peak signal-to-noise ratio in dB; None where the arrays are equal.

    Of a large picture bands at even distances count, at least `_PIXELS` in all, and the next ones where those are equal.
    """
    check_alike(clean, other)
    every = max(1, clean.shape[0] * clean.shape[1] // _PIXELS)
    total, count = 0.0, 0
    for first in range(every):
        for rows in islice(strips(len(clean), _BAND), first, None, every):
            step = distance(clean[rows], other[rows]).astype(np.float32).ravel()
            total += sum_of_products(step, step)
            count += step.size
        if total > 0:
            return 10 * math.log10(full_scale(clean) ** 2 * count / total)
    return None


def ssim(clean: npt.NDArray[Any], other: npt.NDArray[Any]) -> float | None:
    """Structural similarity (Wang et al. 2004) of the luminance, as scikit-image computes it by default: the mean over 7 x 7 windows.

    Of a large picture not all windows count, but those of rows at even distances, about `_WINDOWS` in all: on average over a picture
    the last ones change the fourth digit, and take longer than encoding it.
    """
    check_alike(clean, other)
    height, width = clean.shape[:2]
    if min(height, width) < _WINDOW:
        return None
    tops = np.arange(0, height - _WINDOW + 1, max(1, height * width // _WINDOWS))
    total = 0.0
    for some in np.array_split(tops, min(len(tops), math.ceil(len(tops) * width / _AT_ONCE))):
        rows = (some[:, None] + np.arange(_WINDOW)).ravel()
        bands = [_luminance(pixels[rows]).reshape(len(some), _WINDOW, width) for pixels in (clean, other)]
        total += float(_likeness(*bands).sum(dtype=np.float64))
    return total / (len(tops) * (width - _WINDOW + 1))


def _likeness(one: _Doubles, other: _Doubles) -> _Doubles:
    """Bands of `_WINDOW` rows, (B, 7, W) in [0, 1] -> the similarity of each window, (B, W - 6)."""
    mean_1, mean_2, square_1, square_2, both = (_means(plane) for plane in (one, other, one * one, other * other, one * other))
    unbiased = _WINDOW**2 / (_WINDOW**2 - 1)
    variance_1, variance_2 = unbiased * (square_1 - mean_1 * mean_1), unbiased * (square_2 - mean_2 * mean_2)
    covariance = unbiased * (both - mean_1 * mean_2)
    brightness = (2 * mean_1 * mean_2 + _K1) / (mean_1 * mean_1 + mean_2 * mean_2 + _K1)
    return brightness * (2 * covariance + _K2) / (variance_1 + variance_2 + _K2)


def _means(plane: _Doubles) -> _Doubles:
    """The mean of each window of a band."""
    sums = np.cumsum(plane.sum(axis=1), axis=1)
    sums[:, _WINDOW:] -= sums[:, :-_WINDOW].copy()
    return sums[:, _WINDOW - 1 :] / _WINDOW**2


def _luminance(pixels: npt.NDArray[Any]) -> _Doubles:
    """(h, w[, 3 | 4]) -> (h, w) in [0, 1]; BT.601 weights."""
    top = full_scale(pixels)
    if pixels.ndim == 2:
        return pixels / top
    if pixels.shape[2] == 4:
        pixels = (top - pixels[..., :3].astype(np.float64)) * (1 - pixels[..., 3:] / top)
    red, green, blue = (pixels[..., channel] * (share / top) for channel, share in enumerate(LUMA))
    red += green
    red += blue
    return red


def check_alike(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> None:
    """Raise ValueError where two arrays are of different shape or type."""
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ValueError(f"pictures differ in kind: {a.shape} {a.dtype} and {b.shape} {b.dtype}")

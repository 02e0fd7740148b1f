"""The colour difference CIEDE2000, in single precision.

scikit-image has it, too (`deltaE_ciede2000`). This one is many times faster, which counts where millions of pixels are compared, and is
tested against it. Formula and names of the terms: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes,
supplementary test data, and mathematical observations", Color Research and Application 30 (2005).
"""

from __future__ import annotations

import numpy as np

from unseg_cli.core.constants import FloatArray

_TURN = np.float32(2 * np.pi)
_HALF = np.float32(np.pi)
#: Hues opposite to each other have two means. Which one counts must not hang on the last bit of an angle.
_TIE = np.float32(1e-6)
_CHROMA_7 = np.float32(25.0**7)


def ciede2000(one: FloatArray, other: FloatArray) -> FloatArray:
    """(3, ...) CIELAB of two pictures, planes first, float32 -> (...) difference, 0 and up; about 1 is what can just be seen."""
    lightness_1, a_1, b_1 = one
    lightness_2, a_2, b_2 = other
    stretch = _stretch((np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2)
    chroma_1, hue_1 = _polar(a_1 * stretch, b_1)
    chroma_2, hue_2 = _polar(a_2 * stretch, b_2)
    product = chroma_1 * chroma_2

    turn = hue_2 - hue_1
    apart = np.abs(turn) > _HALF + _TIE  # the short way round goes over 0
    mean_hue = np.float32(0.5) * (hue_1 + hue_2)
    mean_hue += np.where(apart, np.where(mean_hue < _HALF, _HALF, -_HALF), 0)
    mean_hue = np.where(product == 0, hue_1 + hue_2, mean_hue)  # a grey has no hue: the other's counts
    turn -= np.where(apart, np.copysign(_TURN, turn), 0)

    mean_lightness = np.float32(0.5) * (lightness_1 + lightness_2)
    mean_chroma = np.float32(0.5) * (chroma_1 + chroma_2)
    off_middle = (mean_lightness - 50) ** 2
    lightness = (lightness_2 - lightness_1) / (1 + np.float32(0.015) * off_middle / np.sqrt(20 + off_middle))
    chroma = (chroma_2 - chroma_1) / (1 + np.float32(0.045) * mean_chroma)
    hue = 2 * np.sqrt(product) * np.sin(turn / 2) / (1 + np.float32(0.015) * mean_chroma * _hue_weight(mean_hue))
    total = lightness * lightness + chroma * chroma + hue * hue + _rotation(mean_chroma, mean_hue) * chroma * hue
    return np.sqrt(np.maximum(total, 0))


def _stretch(mean_chroma: FloatArray) -> FloatArray:
    """By how much the red-green axis is stretched near grey."""
    return np.float32(1.5) - np.float32(0.5) * _saturated(mean_chroma)


def _saturated(chroma: FloatArray) -> FloatArray:
    """From 0 for greys to 1 for strong colours."""
    seventh = chroma**2 * chroma
    seventh = seventh * seventh * chroma
    return np.sqrt(seventh / (seventh + _CHROMA_7))


def _polar(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Chroma, and hue in [0, 2 pi]."""
    hue = np.arctan2(b, a)
    return np.hypot(a, b), np.where(hue < 0, hue + _TURN, hue)


def _hue_weight(hue: FloatArray) -> FloatArray:
    """The term T."""
    wave = sum(
        np.float32(size) * np.cos(times * hue + np.float32(np.radians(shift)))
        for size, times, shift in ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    )
    return 1 + wave


def _rotation(chroma: FloatArray, hue: FloatArray) -> FloatArray:
    """The term R_T: among blues, chroma and hue are not seen apart."""
    blue = (hue - np.float32(np.radians(275))) / np.float32(np.radians(25))
    angle = np.float32(np.radians(60)) * np.exp(-(blue * blue))
    return -2 * _saturated(chroma) * np.sin(angle)

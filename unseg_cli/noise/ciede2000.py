"""The colour difference CIEDE2000 in single precision.

scikit-image has it, too (`deltaE_ciede2000`), in double precision. This one is many times faster, which counts where millions of pixels
are compared, and is tested against it. Formula and names of the terms: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula:
implementation notes, supplementary test data, and mathematical observations", Color Research and Application 30 (2005).
"""

from __future__ import annotations

import math

import numpy as np

from unseg_cli.core.constants import FloatArray

#: Hues opposite to each other have two means. Which one counts must not hang on the last bit of an angle.
_TIE = 1e-6
HALF = np.float32(0.5)
_NOTHING_LEFT = np.float32(40)  # e to the minus this is 4e-18
#: The sum of the terms of T, the weight of hues: size, multiple of the hue, shift in degrees.
_HUE_TERMS = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))


def ciede2000(one: FloatArray, other: FloatArray) -> FloatArray:
    """(3, ...) CIELAB of two pictures, planes first -> (...) difference, 0 and up; about 1 is what can just be seen.

    Both are float32. Their other axes need not be alike, but have to broadcast: many changes of one picture are compared at once.
    """
    lightness_1, a_1, b_1 = one
    lightness_2, a_2, b_2 = other
    stretch = 1.5 - 0.5 * _saturated(HALF * (_length(a_1, b_1) + _length(a_2, b_2)))  # of the red-green axis, near grey
    chroma_1, hue_1 = _polar(a_1 * stretch, b_1)
    chroma_2, hue_2 = _polar(a_2 * stretch, b_2)
    product = chroma_1 * chroma_2

    turn, total = hue_2 - hue_1, hue_1 + hue_2
    apart = np.abs(turn) > np.float32(math.pi + _TIE)  # the short way round goes over 0
    mean_hue = total / 2 + apart * np.where(total < np.float32(2 * math.pi), np.float32(math.pi), np.float32(-math.pi))
    mean_hue = np.where(product == 0, total, mean_hue)  # a grey has no hue: the other's counts
    turn = turn - apart * np.copysign(np.float32(2 * math.pi), turn)

    mean_chroma = HALF * (chroma_1 + chroma_2)
    off_middle = np.square((lightness_1 + lightness_2) / 2 - 50)
    lightness = (lightness_2 - lightness_1) / (1 + np.float32(0.015) * off_middle / np.sqrt(20 + off_middle))
    chroma = (chroma_2 - chroma_1) / (1 + np.float32(0.045) * mean_chroma)
    hue = 2 * np.sqrt(product) * np.sin(turn / 2) / (1 + np.float32(0.015) * mean_chroma * _hue_weight(mean_hue))
    squares = lightness * lightness + chroma * chroma + hue * hue + _rotation(mean_chroma, mean_hue) * chroma * hue
    return np.sqrt(np.maximum(squares, 0))


def _length(a: FloatArray, b: FloatArray) -> FloatArray:
    # np.hypot guards against overflow, which takes ten times as long.
    return np.sqrt(a * a + b * b)


def _saturated(chroma: FloatArray) -> FloatArray:
    """From 0 for greys to 1 for strong colours."""
    cube = chroma * chroma * chroma
    seventh = cube * cube * chroma
    return np.sqrt(seventh / (seventh + np.float32(25.0**7)))


def _polar(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Chroma, and hue in [0, 2 pi]."""
    hue = np.arctan2(b, a)
    return _length(a, b), np.where(hue < 0, hue + np.float32(2 * math.pi), hue)


def _hue_weight(hue: FloatArray) -> FloatArray:
    """The term T."""
    weight = np.ones_like(hue)
    for size, times, shift in _HUE_TERMS:
        weight += np.float32(size) * np.cos(np.float32(times) * hue + np.float32(math.radians(shift)))
    return weight


def _rotation(chroma: FloatArray, hue: FloatArray) -> FloatArray:
    """The term R_T: among blues, chroma and hue are not seen apart."""
    blue = (hue - np.float32(math.radians(275))) / np.float32(math.radians(25))
    # Far from blue nothing is left of it; numbers under 1e-38 take a processor many times as long.
    return -2 * _saturated(chroma) * np.sin(np.float32(math.radians(60)) * np.exp(-np.minimum(blue * blue, _NOTHING_LEFT)))

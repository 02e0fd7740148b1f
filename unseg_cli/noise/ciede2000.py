"""The colour difference CIEDE2000 on tensors, in single precision.

scikit-image has it, too (`deltaE_ciede2000`), on arrays and in double precision. This one is many times faster, which counts where millions
of pixels are compared, and is tested against it. Formula and names of the terms: Sharma, Wu and Dalal, "The CIEDE2000 color-difference
formula: implementation notes, supplementary test data, and mathematical observations", Color Research and Application 30 (2005).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Hues opposite to each other have two means. Which one counts must not hang on the last bit of an angle.
_TIE = 1e-6


def ciede2000(one: Tensor, other: Tensor) -> Tensor:
    """(3, ...) CIELAB of two pictures, planes first -> (...) difference, 0 and up; about 1 is what can just be seen."""
    lightness_1, a_1, b_1 = one
    lightness_2, a_2, b_2 = other
    stretch = 1.5 - 0.5 * _saturated((torch.hypot(a_1, b_1) + torch.hypot(a_2, b_2)) / 2)  # of the red-green axis, near grey
    chroma_1, hue_1 = _polar(a_1 * stretch, b_1)
    chroma_2, hue_2 = _polar(a_2 * stretch, b_2)
    product = chroma_1 * chroma_2

    turn, total = hue_2 - hue_1, hue_1 + hue_2
    apart = turn.abs() > math.pi + _TIE  # the short way round goes over 0
    mean_hue = total / 2 + apart * torch.where(total < 2 * math.pi, math.pi, -math.pi)
    mean_hue = torch.where(product == 0, total, mean_hue)  # a grey has no hue: the other's counts
    turn = turn - apart * torch.copysign(turn.new_tensor(2 * math.pi), turn)

    mean_chroma = (chroma_1 + chroma_2) / 2
    off_middle = ((lightness_1 + lightness_2) / 2 - 50) ** 2
    lightness = (lightness_2 - lightness_1) / (1 + 0.015 * off_middle / torch.sqrt(20 + off_middle))
    chroma = (chroma_2 - chroma_1) / (1 + 0.045 * mean_chroma)
    hue = 2 * torch.sqrt(product) * torch.sin(turn / 2) / (1 + 0.015 * mean_chroma * _hue_weight(mean_hue))
    squares = lightness * lightness + chroma * chroma + hue * hue + _rotation(mean_chroma, mean_hue) * chroma * hue
    return torch.sqrt(squares.clamp(min=0))


def _saturated(chroma: Tensor) -> Tensor:
    """From 0 for greys to 1 for strong colours."""
    cube = chroma * chroma * chroma
    seventh = cube * cube * chroma
    return torch.sqrt(seventh / (seventh + 25.0**7))


def _polar(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Chroma, and hue in [0, 2 pi]."""
    hue = torch.atan2(b, a)
    return torch.hypot(a, b), torch.where(hue < 0, hue + 2 * math.pi, hue)


def _hue_weight(hue: Tensor) -> Tensor:
    """The term T."""
    weight = torch.ones_like(hue)
    for size, times, shift in ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63)):
        weight += size * torch.cos(times * hue + math.radians(shift))
    return weight


def _rotation(chroma: Tensor, hue: Tensor) -> Tensor:
    """The term R_T: among blues, chroma and hue are not seen apart."""
    blue = (hue - math.radians(275)) / math.radians(25)
    return -2 * _saturated(chroma) * torch.sin(math.radians(60) * torch.exp(-blue * blue))

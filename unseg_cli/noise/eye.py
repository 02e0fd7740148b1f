"""How plainly a repeated tile is seen: a model of the eye, place by place, without drawing anything.

The eye resolves brightness far better than colour, and how large a difference it sees in a change of colour depends on the colour that was
there (CIEDE2000). So what a tile costs can be told from its scale and the picture's own colours: its brightness and its chroma shrink as
blurring with the eye's resolution shrinks them, and what is left is a difference in CIELAB. `pictures/difference/` measures the same on
two pictures afterwards; this tells it before, for one pattern, in closed form.

Light is what is blurred, not the coded levels of a file: on red a step of red is far more light than one of green, and a tile whose colours
are equally bright on grey is one of light and dark there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unseg_cli.noise.ciede2000 import ciede2000

#: Standard deviations of the eye's blur in degrees: the narrow Gaussians of Zhang and Wandell 1997 for luminance and for colour.
BRIGHTNESS_BLUR, CHROMA_BLUR = 0.028, 0.13
#: A screen at arm's length, one pixel of the picture on each of its own.
PIXELS_PER_DEGREE = 60
_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
#: Shares of red, green and blue light in brightness: the second row of sRGB's matrix, that of ITU-R 709.
BRIGHTNESS = _TO_XYZ[1]
_WHITE = (0.95047, 1.0, 1.08883)


def resolved(tile: Tensor, scale: float, *, pixels_per_degree: float = PIXELS_PER_DEGREE) -> Tensor:
    """What the eye resolves of a tile that is repeated without end.

    Args:
        tile: (3, n, n), changes of red, green and blue.
        scale: side of one pixel of the tile, in pixels of the picture that is looked at.
        pixels_per_degree: of that picture, in degrees of the visual field.

    Returns:
        (2, 3, n, n): as finely as brightness is resolved, and as coarsely as colour is.
    """
    return torch.stack([_blurred(tile, sigma * pixels_per_degree / scale) for sigma in (BRIGHTNESS_BLUR, CHROMA_BLUR)])


def strongest(seen: Tensor) -> Tensor:
    """The places of a tile that show most: in brightness, in red or blue against it, and in all.

    Args:
        seen: (2, 3, n, n) from `resolved`.

    Returns:
        (4, 2, 3).
    """
    fine, coarse = seen.flatten(2).transpose(1, 2)
    weights = seen.new_tensor(BRIGHTNESS)
    colour = coarse - (coarse @ weights)[:, None]
    kinds = ((fine @ weights).abs(), colour[:, 0].abs(), colour[:, 2].abs(), fine.square().sum(1) + coarse.square().sum(1))
    return torch.stack([torch.stack([fine[place], coarse[place]]) for place in (kind.argmax() for kind in kinds)])


def visible_difference(image_01: Tensor, changes: Tensor, amplitude: Tensor) -> Tensor:
    """The difference that changes of colour make at every place, the largest of them and of both signs.

    Beside black and white a tile is cut off on one side, and what is left of it is a tint that no blur takes away.

    Args:
        image_01: (B, 3, H, W) sRGB in [0, 1], of any scale: only local colours are read.
        changes: (M, 2, 3) of red, green and blue, as fractions of full intensity: what is resolved of the tile, finely and coarsely.
        amplitude: (3,) how far the tile itself goes, to both sides.

    Returns:
        (B, 1, H, W), CIEDE2000: a difference of 1 can just be seen.
    """
    planes = image_01.transpose(0, 1)
    far = amplitude.view(3, 1, 1, 1)
    above, below = (_linear((planes + step).clamp(0, 1)) for step in (far, -far))
    middle = (above + below) / 2
    light = (above - below) / (2 * far).clamp(min=1e-6)  # that a step of one channel makes here
    here = _lab(_xyz(_linear(planes)))
    largest = torch.zeros_like(planes[0])
    for fine, coarse in torch.cat([changes, -changes]):
        colour = coarse.view(3, 1, 1, 1) * light
        brighter = _brightness(fine.view(3, 1, 1, 1) * light - colour)
        largest = torch.maximum(largest, ciede2000(here, _lab((_xyz(middle + colour) + brighter).clamp(min=0))))
    return largest[:, None]


def _blurred(planes: Tensor, sigma: float) -> Tensor:
    """(C, n, n), repeated without end and blurred with a Gaussian of `sigma` pixels."""
    down, across = (torch.fft.fftfreq(length, device=planes.device) for length in planes.shape[-2:])
    window = torch.exp(-2 * (math.pi * sigma) ** 2 * (down[:, None] ** 2 + across[None] ** 2))
    return torch.fft.ifft2(torch.fft.fft2(planes) * window).real


def _linear(coded: Tensor) -> Tensor:
    """Coded levels of sRGB in [0, 1] -> light."""
    return torch.where(coded <= 0.04045, coded / 12.92, ((coded.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def _brightness(light: Tensor) -> Tensor:
    """(3, ...) -> (...)."""
    return torch.einsum("j,j...->...", light.new_tensor(BRIGHTNESS), light)


def _xyz(light: Tensor) -> Tensor:
    """(3, ...) red, green and blue light -> X, Y and Z."""
    return torch.einsum("ij,j...->i...", light.new_tensor(_TO_XYZ), light)


def _lab(xyz: Tensor) -> Tensor:
    """(3, ...) X, Y and Z -> CIELAB under D65."""
    share = xyz / xyz.new_tensor(_WHITE).view(3, *[1] * (xyz.ndim - 1))
    x, y, z = torch.where(share > 0.008856, share.clamp(min=0.008856) ** (1 / 3), 7.787 * share + 16 / 116)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])

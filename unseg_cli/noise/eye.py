"""How plainly a repeated tile is seen: a model of the eye, place by place, without drawing anything.

The eye resolves brightness far better than colour, and how large a difference it sees in a change of colour depends on the colour that was
there (CIEDE2000). So what a tile costs can be told from its scale and the picture's own colours: its brightness and its chroma shrink as
blurring with the eye's resolution shrinks them, and what is left is a difference in CIELAB. `pictures/difference/` measures the same on
two pictures afterwards; this tells it before, for one pattern, in closed form.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Standard deviations of the eye's blur in degrees: the narrow Gaussians of Zhang and Wandell 1997 for luminance and for colour.
BRIGHTNESS_BLUR, CHROMA_BLUR = 0.028, 0.13
#: A screen at arm's length, one pixel of the picture on each of its own.
PIXELS_PER_DEGREE = 60
#: Shares of red, green and blue in brightness as the eye resolves it: ITU-R 709.
BRIGHTNESS = (0.2126, 0.7152, 0.0722)
_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.95047, 1.0, 1.08883)


def resolved(tile: Tensor, scale: float, *, pixels_per_degree: float = PIXELS_PER_DEGREE) -> Tensor:
    """What the eye resolves of a tile that is repeated without end.

    Args:
        tile: (3, n, n), changes of red, green and blue.
        scale: side of one pixel of the tile, in pixels of the picture that is looked at.
        pixels_per_degree: of that picture, in degrees of the visual field.

    Returns:
        (3, n, n): its brightness and its chroma, each blurred with the eye's own Gaussian.
    """
    weights = tile.new_tensor(BRIGHTNESS).view(3, 1, 1)
    brightness = (tile * weights).sum(0, keepdim=True)
    fine, coarse = (sigma * pixels_per_degree / scale for sigma in (BRIGHTNESS_BLUR, CHROMA_BLUR))
    return _blurred(brightness, fine) + _blurred(tile - brightness, coarse)


def strongest(change: Tensor) -> Tensor:
    """The colours of a tile that show most: (3, n, n) -> (4, 3), largest in brightness, in red or blue against it, and in all."""
    flat = change.flatten(1).T
    brightness = flat @ change.new_tensor(BRIGHTNESS)
    kinds = (brightness.abs(), (flat[:, 0] - brightness).abs(), (flat[:, 2] - brightness).abs(), flat.square().sum(1))
    return torch.stack([flat[kind.argmax()] for kind in kinds])


def visible_difference(image_01: Tensor, changes: Tensor, amplitude: Tensor) -> Tensor:
    """The difference that changes of colour make at every place, the largest of them and of both signs.

    Beside black and white a tile is cut off on one side, and what is left of it is a tint that no blur takes away.

    Args:
        image_01: (B, 3, H, W) sRGB in [0, 1], of any scale: only local colours are read.
        changes: (M, 3) of red, green and blue, as fractions of full intensity: what is resolved of the tile.
        amplitude: (3,) how far the tile itself goes, to both sides.

    Returns:
        (B, 1, H, W), CIEDE2000: a difference of 1 can just be seen.
    """
    here = _lab(image_01)
    far = amplitude.view(1, 3, 1, 1)
    tinted = ((image_01 + far).clamp(0, 1) + (image_01 - far).clamp(0, 1)) / 2
    largest = image_01.new_zeros(len(image_01), 1, *image_01.shape[-2:])
    for change in torch.cat([changes, -changes]):
        largest = torch.maximum(largest, _difference(here, _lab((tinted + change.view(1, 3, 1, 1)).clamp(0, 1))))
    return largest


def _blurred(planes: Tensor, sigma: float) -> Tensor:
    """(C, n, n), repeated without end and blurred with a Gaussian of `sigma` pixels."""
    down, across = (torch.fft.fftfreq(length, device=planes.device) for length in planes.shape[-2:])
    window = torch.exp(-2 * (math.pi * sigma) ** 2 * (down[:, None] ** 2 + across[None] ** 2))
    return torch.fft.ifft2(torch.fft.fft2(planes) * window).real


def _lab(image_01: Tensor) -> Tensor:
    """(B, 3, H, W) sRGB in [0, 1] -> CIELAB under D65."""
    linear = torch.where(image_01 <= 0.04045, image_01 / 12.92, ((image_01.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)
    xyz = torch.einsum("ij,bjhw->bihw", image_01.new_tensor(_TO_XYZ), linear)
    share = xyz / xyz.new_tensor(_WHITE).view(1, 3, 1, 1)
    x, y, z = torch.where(share > 0.008856, share.clamp(min=0.008856) ** (1 / 3), 7.787 * share + 16 / 116).split(1, 1)
    return torch.cat([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def _difference(first: Tensor, second: Tensor) -> Tensor:
    """CIEDE2000 of two colours that differ little, without the term that turns blue: (B, 3, H, W) twice -> (B, 1, H, W)."""
    (l1, a1, b1), (l2, a2, b2) = (colour.split(1, 1) for colour in (first, second))
    # Near grey, a is stretched.
    seventh = (torch.hypot((a1 + a2) / 2, (b1 + b2) / 2)) ** 7
    stretch = 1.5 - 0.5 * torch.sqrt(seventh / (seventh + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    hue = ((a2 - a1) ** 2 + (b2 - b1) ** 2 - (c2 - c1) ** 2).clamp(min=0)
    angle = torch.atan2(b1 + b2, a1 + a2)
    turn = (
        1
        - 0.17 * torch.cos(angle - math.radians(30))
        + 0.24 * torch.cos(2 * angle)
        + 0.32 * torch.cos(3 * angle + math.radians(6))
        - 0.20 * torch.cos(4 * angle - math.radians(63))
    )
    from_middle = ((l1 + l2) / 2 - 50) ** 2
    lightness = (l2 - l1) / (1 + 0.015 * from_middle / torch.sqrt(20 + from_middle))
    chroma = (c2 - c1) / (1 + 0.0225 * (c1 + c2))
    return torch.sqrt(lightness**2 + chroma**2 + hue / (1 + 0.0075 * (c1 + c2) * turn) ** 2)

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

import numpy as np

from unseg_cli.core.constants import FloatArray
from unseg_cli.noise.ciede2000 import ciede2000

#: Standard deviations of the eye's blur in degrees: the narrow Gaussians of Zhang and Wandell 1997 for luminance and for colour.
BRIGHTNESS_BLUR, CHROMA_BLUR = 0.028, 0.13
#: A screen at arm's length, one pixel of the picture on each of its own.
PIXELS_PER_DEGREE = 60
_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
#: Shares of red, green and blue light in brightness: the second row of sRGB's matrix, that of ITU-R 709.
BRIGHTNESS = _TO_XYZ[1]
_WHITE = (0.95047, 1.0, 1.08883)
_HUNDREDTHS = 25_500  # of a grey level


def resolved(tile: FloatArray, scale: float, *, pixels_per_degree: float = PIXELS_PER_DEGREE) -> FloatArray:
    """What the eye resolves of a tile that is repeated without end.

    Args:
        tile: (3, n, n), changes of red, green and blue.
        scale: side of one pixel of the tile, in pixels of the picture that is looked at.
        pixels_per_degree: of that picture, in degrees of the visual field.

    Returns:
        (2, 3, n, n): as finely as brightness is resolved, and as coarsely as colour is.
    """
    return np.stack([_blurred(tile, sigma * pixels_per_degree / scale) for sigma in (BRIGHTNESS_BLUR, CHROMA_BLUR)])


def strongest(seen: FloatArray) -> FloatArray:
    """The places of a tile that show most: in brightness, in red or blue against it, and in all.

    Args:
        seen: (2, 3, n, n) from `resolved`.

    Returns:
        (4, 2, 3).
    """
    fine, coarse = seen.reshape(2, 3, -1).transpose(0, 2, 1)
    weights = np.array(BRIGHTNESS, np.float32)
    colour = coarse - (coarse @ weights)[:, None]
    kinds = (np.abs(fine @ weights), np.abs(colour[:, 0]), np.abs(colour[:, 2]), np.square(fine).sum(1) + np.square(coarse).sum(1))
    return np.stack([np.stack([fine[place], coarse[place]]) for place in (kind.argmax() for kind in kinds)])


def visible_difference(image_01: FloatArray, changes: FloatArray, amplitude: FloatArray) -> FloatArray:
    """The difference that changes of colour make at every place, the largest of them and of both signs.

    Beside black and white a tile is cut off on one side, and what is left of it is a tint that no blur takes away.

    Args:
        image_01: (3, H, W) sRGB in [0, 1], of any scale: only local colours are read.
        changes: (M, 2, 3) of red, green and blue, as fractions of full intensity: what is resolved of the tile, finely and coarsely.
        amplitude: (3,) how far the tile itself goes, to both sides.

    Returns:
        (H, W), CIEDE2000: a difference of 1 can just be seen.
    """
    planes = image_01.reshape(3, 1, -1)
    far = amplitude.astype(np.float32).reshape(3, 1, 1)
    above, below = (_linear(np.clip(planes + step, 0, 1)) for step in (far, -far))
    middle = (above + below) / 2
    light = (above - below) / (2 * np.maximum(far, np.float32(1e-6)))  # that a step of one channel makes here
    here = cielab(_xyz(_linear(planes)))
    # (K, 2, 3); changes that differ by less than a hundredth of a level are told once.
    steps = np.unique(np.rint(np.concatenate([changes, -changes]) * _HUNDREDTHS), axis=0).astype(np.float32) / np.float32(_HUNDREDTHS)
    fine, coarse = (steps[:, kind].T[..., None] * light for kind in (0, 1))  # (3, K, H W)
    brighter = _brightness(fine - coarse)
    differences = ciede2000(here, cielab(np.maximum(_xyz(middle + coarse) + brighter, 0)))
    return differences.max(0).reshape(image_01.shape[1:])


def _blurred(planes: FloatArray, sigma: float) -> FloatArray:
    """(C, n, n), repeated without end and blurred with a Gaussian of `sigma` pixels."""
    down, across = (np.fft.fftfreq(length) for length in planes.shape[-2:])
    window = np.exp(-2 * (math.pi * sigma) ** 2 * (down[:, None] ** 2 + across[None] ** 2))
    return np.fft.ifft2(np.fft.fft2(planes) * window).real.astype(np.float32)


def _linear(coded: FloatArray) -> FloatArray:
    """Coded levels of sRGB in [0, 1] -> light."""
    power = ((np.maximum(coded, np.float32(0.04045)) + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(coded <= np.float32(0.04045), coded / np.float32(12.92), power)


def _brightness(light: FloatArray) -> FloatArray:
    """(3, ...) -> (...)."""
    red, green, blue = (np.float32(share) for share in BRIGHTNESS)
    return red * light[0] + green * light[1] + blue * light[2]


def _xyz(light: FloatArray) -> FloatArray:
    """(3, ...) red, green and blue light -> X, Y and Z."""
    # No matrix product: its library would start threads beside those that work on other pictures.
    red, green, blue = light
    x, y, z = (np.float32(r) * red + np.float32(g) * green + np.float32(b) * blue for r, g, b in _TO_XYZ)
    return np.stack([x, y, z])


def cielab(xyz: FloatArray) -> FloatArray:
    """(3, ...) X, Y and Z -> CIELAB under D65, planes first."""
    share = xyz / np.array(_WHITE, np.float32).reshape(3, *[1] * (xyz.ndim - 1))
    root = share ** np.float32(1 / 3)  # several times faster than np.cbrt
    x, y, z = np.where(share > np.float32(0.008856), root, np.float32(7.787) * share + np.float32(16 / 116))
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])

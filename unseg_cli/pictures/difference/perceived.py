"""How different two pictures look: colours are compared after the blur that the eye puts on them. Row strip by row strip.

The idea is that of S-CIELAB (Zhang and Wandell, "A spatial extension of CIELAB for digital color-image reproduction", Journal of the
Society for Information Display 5, 1997): the eye resolves lightness far better than colour, so each is blurred by its own amount before
CIELAB and a colour difference are computed. Here, in the simplest form of it, the planes are Y, X - Y and Z - Y, each with one Gaussian,
and the difference is CIEDE2000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.color import rgb2xyz
from skimage.filters import gaussian

from unseg_cli.core.constants import FloatArray
from unseg_cli.noise.ciede2000 import ciede2000
from unseg_cli.noise.eye import BRIGHTNESS_BLUR, CHROMA_BLUR, PIXELS_PER_DEGREE, cielab
from unseg_cli.pictures.channels import rgb_from_cmyk, strips
from unseg_cli.pictures.difference.fidelity import check_alike
from unseg_cli.pictures.picture import full_scale

_ROWS = 256
_TRUNCATE = 4.0  # a Gaussian ends after so many standard deviations
#: Red, green and blue light of full intensity in X, Y and Z (rows), then Y, X - Y, Z - Y.
_XYZ = rgb2xyz(np.eye(3)).T
_PLANES = np.stack([_XYZ[1], _XYZ[0] - _XYZ[1], _XYZ[2] - _XYZ[1]]).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Perceived:
    """How much of a difference is seen; about 1 can just be.

    Attributes:
        mean: over all pixels.
        p95: the 95th percentile: what the worst twentieth of the picture exceeds.
    """

    mean: float
    p95: float


def perceive(clean: npt.NDArray[Any], other: npt.NDArray[Any], pixels_per_degree: float = PIXELS_PER_DEGREE) -> Perceived:
    """`perceived_map` in two numbers."""
    seen = perceived_map(clean, other, pixels_per_degree)
    return Perceived(mean=float(seen.mean(dtype=np.float64)), p95=float(np.percentile(seen, 95, overwrite_input=True)))


def perceived_map(
    clean: npt.NDArray[Any], other: npt.NDArray[Any], pixels_per_degree: float = PIXELS_PER_DEGREE, rows: int = _ROWS
) -> FloatArray:
    """The difference that is seen at each pixel.

    Args:
        clean: (H, W), (H, W, 3) sRGB or (H, W, 4) CMYK (read without colour management), uint8 or uint16.
        other: of the same shape and type.
        pixels_per_degree: how fine the pixels are to the eye.
        rows: how many are computed at a time. It decides how much memory is needed, and nothing else.

    Returns:
        (H, W) float32, 0 and up, in units of CIEDE2000.

    Raises:
        ValueError: shapes or types differ.
    """
    check_alike(clean, other)
    levels = _light(full_scale(clean))
    margin = int(_TRUNCATE * CHROMA_BLUR * pixels_per_degree + 0.5)  # what is further away does not matter
    out = np.empty(clean.shape[:2], np.float32)
    for strip in strips(len(clean), rows):
        above = min(margin, strip.start)
        around = slice(strip.start - above, strip.stop + margin)
        kept = slice(above, above + strip.stop - strip.start)
        out[strip] = ciede2000(*(cielab(_seen(pixels[around], levels, kept, pixels_per_degree)) for pixels in (clean, other)))
    return out


def _light(top: int) -> FloatArray:
    """Linear light in [0, 1] of each level from 0 to `top`: a table is read far faster than powers are computed."""
    ramp = np.arange(top + 1, dtype=np.float64) / top
    return (rgb2xyz(np.repeat(ramp[:, None], 3, axis=1))[:, 1] / _XYZ[1].sum()).astype(np.float32)


def _seen(pixels: npt.NDArray[Any], levels: FloatArray, kept: slice, pixels_per_degree: float) -> FloatArray:
    """Rows of a picture -> (3, kept rows, W): X, Y, Z as the eye blurs them."""
    rgb = rgb_from_cmyk(pixels) if pixels.ndim == 3 and pixels.shape[2] == 4 else pixels
    if rgb.ndim == 2:
        rgb = np.repeat(rgb[..., None], 3, axis=2)
    planes = levels[rgb] @ _PLANES.T
    luminance, red_green, blue_yellow = (
        _blurred(planes[..., number], degrees * pixels_per_degree, kept)
        for number, degrees in enumerate((BRIGHTNESS_BLUR, CHROMA_BLUR, CHROMA_BLUR))
    )
    return np.maximum(np.stack([luminance + red_green, luminance, luminance + blue_yellow]), 0)


def _blurred(plane: FloatArray, sigma: float, kept: slice) -> FloatArray:
    """(h, W) -> (kept rows, W): a Gaussian, reflected at the edges; down the columns first, so that only kept rows are blurred along."""
    for along, rows in (((sigma, 0), kept), ((0, sigma), slice(None))):
        plane = gaussian(plane, along, mode="reflect", preserve_range=True, truncate=_TRUNCATE)[rows]
    return plane

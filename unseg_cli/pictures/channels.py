"""How noise, which is made for RGB, meets grey, CMYK and 16-bit pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray
from unseg_cli.noise.arithmetic import GREEN, apply_noise, budget_levels
from unseg_cli.noise.field import Rows
from unseg_cli.pictures.picture import PixelArray, Space, full_scale

_ROWS = 256


def strips(height: int, rows: int = _ROWS) -> Iterator[slice]:
    """Row ranges that cover a picture: whole-picture temporaries of a 24-megapixel picture would take gigabytes."""
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def to_8_bit(pixels: PixelArray) -> npt.NDArray[np.uint8]:
    """uint16 -> uint8, rounded; uint8 as it is."""
    if pixels.dtype == np.uint8:
        return pixels
    out = np.empty(pixels.shape, np.uint8)
    for rows in strips(len(pixels)):
        out[rows] = (pixels[rows].astype(np.uint32) + 128) // 257
    return out


def rgb_from_cmyk(pixels: PixelArray) -> PixelArray:
    """(H, W, 4) inks -> (H, W, 3), without colour management: (1 - ink) * (1 - black)."""
    top = full_scale(pixels)
    out = np.empty((*pixels.shape[:2], 3), pixels.dtype)
    for rows in strips(len(pixels)):
        light = top - pixels[rows].astype(np.uint64)
        out[rows] = (light[..., :3] * light[..., 3:] + top // 2) // top
    return out


def visible_rgb(pixels: PixelArray, space: Space) -> npt.NDArray[np.uint8]:
    """What the generator looks at: (H, W, 3) uint8."""
    if space == "cmyk":
        pixels = rgb_from_cmyk(pixels)
    seen = to_8_bit(pixels)
    return np.repeat(seen[..., None], 3, axis=2) if space == "grey" else seen


def add_noise(pixels: PixelArray, space: Space, field: Rows, mask: BoolArray, budget: NoiseBudget) -> PixelArray:
    """`apply_noise` on the channels of a space, strip by strip: no array of floats of the picture's size is made.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16.
        space: grey takes the green channel of the noise; inks take all three with the sign turned (more ink is less light),
            and black is left alone.
        field: the noise, of the picture's size.
        mask: (H, W) foreground.
        budget: bounds.
    """
    out = pixels.copy()
    for rows in strips(len(pixels)):
        noise = field.rows(rows)
        if space == "grey":
            out[rows] = apply_noise(pixels[rows], noise[..., GREEN], mask[rows], budget)
        elif space == "rgb":
            out[rows] = apply_noise(pixels[rows], noise, mask[rows], budget)
        else:
            out[rows, :, :3] = apply_noise(pixels[rows, :, :3], -noise, mask[rows], budget)
    return out


def within_budget(clean: PixelArray, protected: PixelArray, mask: BoolArray, budget: NoiseBudget) -> bool:
    """Whether no pixel moved by more than its bound, in whole levels."""
    top = full_scale(clean)
    inside, outside = budget_levels(budget.foreground, top), budget_levels(budget.background, top)
    for rows in strips(len(clean)):
        moved = distance(clean[rows], protected[rows])
        bound = np.where(mask[rows], inside, outside)
        if (moved > (bound[..., None] if moved.ndim == 3 else bound)).any():
            return False
    return True


def distance(a: PixelArray, b: PixelArray) -> PixelArray:
    """|a - b| without leaving the unsigned type."""
    return np.maximum(a, b) - np.minimum(a, b)


def noise_kept(clean: PixelArray, intended: PixelArray, written: PixelArray) -> float:
    """The share of the noise that survived a lossy codec: the written change projected on the intended one (1 = all, 0 = none).

    The codec's own error hardly correlates with the noise, so one encoding is enough to measure it.
    """
    along = energy = 0.0
    for rows in strips(len(clean)):
        base = clean[rows].astype(np.float32)
        wanted = intended[rows].astype(np.float32) - base
        along += float(((written[rows].astype(np.float32) - base) * wanted).sum(dtype=np.float64))
        energy += float((wanted * wanted).sum(dtype=np.float64))
    return along / energy if energy else 0.0

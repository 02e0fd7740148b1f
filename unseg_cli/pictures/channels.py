"""How noise, which is made for RGB, meets grey, CMYK and 16-bit pixels."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray, FloatArray
from unseg_cli.noise.arithmetic import budget_levels, runs
from unseg_cli.pictures.picture import PixelArray, PixelRows, Space, full_scale

#: Neighbouring columns of some rows, and what is marked of them: all, nothing, or (h, w) bool.
Stretch = tuple[slice, BoolArray | bool]

_ROWS = 256
_CACHED_ROWS = 32
_STRETCHES = 32
_BAND = 8  # rows, as of a codec's blocks
_ENOUGH_PIXELS, _ENOUGH_MARKED, _ENOUGH_NOISE = 1_000_000, 10_000, 1e6  # the last in squares of levels, added up


def strips(height: int, rows: int = _ROWS) -> Iterator[slice]:
    """Row ranges that cover a picture: whole-picture temporaries of a 24-megapixel picture would take gigabytes."""
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def cached_strips(height: int) -> Iterator[slice]:
    """Fewer rows, of which a few float arrays fit the processor's cache: most arithmetic is several times faster there."""
    return strips(height, _CACHED_ROWS)


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


def within_budget(clean: PixelArray, protected: PixelRows, mask: BoolArray, budget: NoiseBudget) -> bool:
    """Whether no pixel moved by more than its bound, in whole levels.

    Args:
        clean: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16.
        protected: the same with noise.
        mask: (H, W) foreground.
        budget: bounds.
    """
    inside, outside = (budget_levels(epsilon, full_scale(clean)) for epsilon in (budget.foreground, budget.background))
    strips_of = cached_strips(len(clean))
    return all(keeps_bounds(clean[rows], protected[rows], runs_of_columns(mask[rows]), inside, outside) for rows in strips_of)


def keeps_bounds(before: PixelArray, after: PixelArray, stretches: Iterable[Stretch], inside: int, outside: int) -> bool:
    """`within_budget` of some rows.

    Args:
        before: (h, w), or (h, w, C).
        after: the same with noise.
        stretches: see `runs_of_columns`.
        inside: the bound where the mask marks, in levels.
        outside: the bound where it does not.
    """
    moved = distance(before, after)
    if moved.size and moved.max() > max(inside, outside):
        return False
    if inside == outside:
        return True
    # The smaller bound is left to check, where it counts.
    least = min(inside, outside)
    for columns, marked in stretches:
        part = moved[:, columns]
        if isinstance(marked, bool):
            if marked is (inside < outside) and part.size and part.max() > least:
                return False
            continue
        beyond, there = part > least, marked if inside < outside else ~marked
        channels = [beyond] if beyond.ndim == 2 else [beyond[..., channel] for channel in range(beyond.shape[2])]
        if any((channel & there).any() for channel in channels):
            return False
    return True


def runs_of_columns(mask: BoolArray) -> Iterator[Stretch]:
    """Neighbouring columns of (h, W) that are all marked, not marked at all, or both: which ones, and what is marked of them.

    Few columns are both, and only there every pixel has to be compared with a bound of its own. Many short stretches are one.
    """
    kinds = np.add(mask.any(axis=0), mask.all(axis=0), dtype=np.int8)
    found = list(runs(kinds))
    if len(found) > _STRETCHES:
        yield slice(0, len(kinds)), mask
        return
    for columns in found:
        kind = kinds[columns.start]
        yield columns, mask[:, columns] if kind == 1 else bool(kind)


def distance(a: PixelArray, b: PixelArray) -> PixelArray:
    """|a - b| without leaving the unsigned type."""
    return np.maximum(a, b) - np.minimum(a, b)


def noise_kept(clean: PixelArray, intended: PixelRows, written: PixelArray) -> float:
    """The share of the noise that survived a lossy codec: the written change projected on the intended one (1 = all, 0 = none).

    The codec's own error hardly correlates with the noise, so one encoding is enough to measure it, and of a large picture some rows, at
    even distances: as many as hold enough noise.
    """
    along = energy = 0.0
    every = max(1, clean.shape[0] * clean.shape[1] // _ENOUGH_PIXELS)
    for first in range(every):
        for rows in islice(strips(len(clean), _BAND), first, None, every):
            base = clean[rows].astype(np.float32)
            wanted, came = ((pixels[rows] - base).ravel() for pixels in (intended, written))
            along += sum_of_products(came, wanted)
            energy += sum_of_products(wanted, wanted)
        if energy > _ENOUGH_NOISE:
            break
    return along / energy if energy else 0.0


def noise_level(clean: PixelArray, intended: PixelRows, mask: BoolArray) -> float:
    """How strong the noise is: the mean over the mask of the largest change of a channel, in 1/255 of full intensity; 0 of an empty mask.

    Of a large picture some rows count, at even distances.
    """
    total = count = 0
    every = max(1, clean.shape[0] * clean.shape[1] // _ENOUGH_PIXELS)
    for first in range(every):
        for rows in islice(strips(len(clean), _BAND), first, None, every):
            moved = distance(clean[rows], intended[rows])
            largest = moved if moved.ndim == 2 else functools.reduce(np.maximum, moved.transpose(2, 0, 1))
            total += int((largest * mask[rows]).sum(dtype=np.int64))
            count += int(np.count_nonzero(mask[rows]))
        if count > _ENOUGH_MARKED:
            break
    return 255 / full_scale(clean) * total / count if count else 0.0


def sum_of_products(one: FloatArray, other: FloatArray) -> float:
    """Of two flat arrays. NumPy's own product would start threads beside those that work on other pictures."""
    return float(np.einsum("i,i->", one, other))

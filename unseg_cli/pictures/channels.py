"""How noise, which is made for RGB, meets grey, CMYK and 16-bit pixels."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray, FloatArray
from unseg_cli.noise.arithmetic import GREEN, bounds_of, budget_levels, runs, whole_levels
from unseg_cli.noise.field import EVERYTHING, Rows
from unseg_cli.pictures.picture import PixelArray, PixelRows, Space, full_scale

_ROWS = 256
_CACHED_ROWS = 32
_ENOUGH_PIXELS, _ENOUGH_NOISE = 2_000_000, 1e6  # the second in squares of levels, added up


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


def add_noise(pixels: PixelArray, space: Space, field: Rows, mask: BoolArray, budget: NoiseBudget, some: slice = EVERYTHING) -> PixelArray:
    """Noise on the channels of a space, part by part: no array of floats of the picture's size is made.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16.
        space: grey takes the green channel of the noise; inks take all three with the sign turned (more ink is less light),
            and black is left alone.
        field: the noise, of the picture's size.
        mask: (H, W) foreground.
        budget: bounds.
        some: the rows to return, a slice without a step.
    """
    out, top = pixels[some].copy(), full_scale(pixels)
    above = some.indices(len(pixels))[0]
    for rows, columns in parts_with_noise(mask[some], budget, top):
        part = mask[some][rows, columns]
        noise = field.times(bounds_of(part, budget, top), slice(above + rows.start, above + rows.stop), columns)
        levels = whole_levels(noise[GREEN] if space == "grey" else noise, part, budget, top)
        if space == "cmyk":
            np.negative(levels, out=levels)
        _add_levels(out[rows, columns] if space == "grey" else out[rows, columns, :3], levels, top)
    return out


def _add_levels(pixels: PixelArray, levels: FloatArray, top: int) -> None:
    """Add whole levels to pixels, in place.

    Args:
        pixels: (H, W) or (H, W, C).
        levels: (H, W) or (C, H, W).
        top: the largest pixel.
    """
    step = np.empty(pixels.shape, steps_of(top))
    if levels.ndim == 2:
        np.copyto(step, levels, casting="unsafe")
    else:
        for channel, plane in enumerate(levels):  # faster than all at once
            np.copyto(step[..., channel], plane, casting="unsafe")
    add_steps(pixels, step, top)


def steps_of(top: int) -> type[np.int16 | np.int32]:
    """Integers that hold any difference of two pixels, of which `top` is the largest: half and the whole of what floats would move."""
    return np.int16 if top < 2**8 else np.int32


def add_steps(pixels: PixelArray, step: npt.NDArray[np.int16 | np.int32], top: int) -> None:
    """Add to pixels, in place, as far as they go; what is added is changed, too.

    Args:
        pixels: of any shape.
        step: of the same shape, see `steps_of`.
        top: the largest pixel.
    """
    step += pixels
    np.clip(step, 0, top, out=step)
    np.copyto(pixels, step, casting="unsafe")


def parts_with_noise(mask: BoolArray, budget: NoiseBudget, full_scale: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns that hold all that noise may change, in parts that fit the processor's cache: what lies outside stays as it is."""
    everywhere = budget_levels(budget.background, full_scale) > 0
    for rows in cached_strips(len(mask)):
        if everywhere:
            yield rows, slice(0, mask.shape[1])
        elif (within := np.flatnonzero(mask[rows].any(axis=0))).size:
            yield rows, slice(int(within[0]), int(within[-1]) + 1)


def within_budget(clean: PixelArray, protected: PixelRows, mask: BoolArray, budget: NoiseBudget) -> bool:
    """Whether no pixel moved by more than its bound, in whole levels."""
    top = full_scale(clean)
    inside, outside = budget_levels(budget.foreground, top), budget_levels(budget.background, top)
    for rows in cached_strips(len(clean)):
        moved = distance(clean[rows], protected[rows])
        most = int(moved.max(initial=0))
        if most <= min(inside, outside):
            continue
        if most > max(inside, outside):
            return False
        for columns, marked in _runs_of_columns(mask[rows]):
            here = moved[:, columns]
            if isinstance(marked, bool):
                if here.max() > (inside if marked else outside):
                    return False
                continue
            bound = np.where(marked, moved.dtype.type(inside), moved.dtype.type(outside))
            channels = [here] if here.ndim == 2 else [here[..., channel] for channel in range(here.shape[2])]
            if any((channel > bound).any() for channel in channels):
                return False
    return True


def _runs_of_columns(mask: BoolArray) -> Iterator[tuple[slice, BoolArray | bool]]:
    """Neighbouring columns of (h, W) that are all marked, not marked at all, or both: which ones, and what is marked of them.

    Few columns are both, and only there every pixel has to be compared with a bound of its own.
    """
    kinds = np.add(mask.any(axis=0), mask.all(axis=0), dtype=np.int8)
    for columns in runs(kinds):
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
        for rows in islice(cached_strips(len(clean)), first, None, every):
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
        for rows in islice(cached_strips(len(clean)), first, None, every):
            moved = distance(clean[rows], intended[rows])
            largest = moved if moved.ndim == 2 else functools.reduce(np.maximum, moved.transpose(2, 0, 1))
            total += int(largest.sum(where=mask[rows], dtype=np.int64))
            count += int(np.count_nonzero(mask[rows]))
        if count:
            break
    return 255 / full_scale(clean) * total / count if count else 0.0


def sum_of_products(one: FloatArray, other: FloatArray) -> float:
    """Of two flat arrays. NumPy's own product would start threads beside those that work on other pictures."""
    return float(np.einsum("i,i->", one, other))

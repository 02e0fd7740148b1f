"""Noise on the pixels of a picture: in whole levels, no further than its bounds and than black and white."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray, FloatArray
from unseg_cli.core.errors import UnsegError
from unseg_cli.noise.arithmetic import GREEN, bounds_of, budget_levels, whole_levels
from unseg_cli.noise.field import EVERYTHING, Rows
from unseg_cli.noise.tiles import TileField
from unseg_cli.pictures.channels import Stretch, cached_strips, keeps_bounds, runs_of_columns
from unseg_cli.pictures.picture import PixelArray, Space, full_scale


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

    Raises:
        UnsegError: a pixel moved by more than its bound, see `keeps_bounds`: looked at here, where the part is at hand.
    """
    given, marked, top = pixels[some], mask[some], full_scale(pixels)
    inside, outside = (budget_levels(epsilon, top) for epsilon in (budget.foreground, budget.background))
    first = some.indices(len(pixels))[0]
    tiles = _tiles_of(field, pixels, space, mask, budget) if isinstance(field, TileField) else None
    out = np.empty_like(given)
    for rows in cached_strips(len(out)):
        columns, stretches = stretches_with_noise(marked[rows], outside)
        for beside in (slice(0, columns.start), slice(columns.stop, None)):
            out[rows, beside] = given[rows, beside]
        before, after = given[rows, columns], out[rows, columns]
        if not after.size:
            continue
        there = slice(first + rows.start, first + rows.stop)
        if tiles is not None:
            tiles.add(before, after, there, columns, stretches)
        else:
            after[...] = before
            part = marked[rows, columns]
            noise = field.times(bounds_of(part, budget, top), there, columns)
            levels = whole_levels(noise[GREEN] if space == "grey" else noise, part, budget, top)
            _add_levels(after[..., :3] if space == "cmyk" else after, -levels if space == "cmyk" else levels, top)
        if not keeps_bounds(before, after, stretches, inside, outside):
            raise UnsegError("the noise exceeds its budget", hint="report it as a defect")
    return out


@dataclass(frozen=True, kw_only=True)
class DrawnRows:
    """What `add_noise` returns for the same arguments, a `PixelRows`, never there as a whole: rows are drawn when they are asked for.

    A huge picture as an array, its copy with noise and the codec's own copy of that do not fit into two gigabytes. Drawing is quicker than
    decoding, and gives the same each time. Where an array of NumPy's is asked for, it is one.
    """

    pixels: PixelArray
    space: Space
    field: Rows
    mask: BoolArray
    budget: NoiseBudget

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W), (H, W, 3) or (H, W, 4)."""
        return self.pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the clean picture."""
        return self.pixels.dtype

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: slice) -> PixelArray:
        return add_noise(self.pixels, self.space, self.field, self.mask, self.budget, rows)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> PixelArray:
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)


def stretches_with_noise(mask: BoolArray, outside: int) -> tuple[slice, list[Stretch]]:
    """Of some rows the columns that hold all that noise may change, and their `runs_of_columns`: what lies beside stays as it is.

    Args:
        mask: (h, W).
        outside: the bound where it does not mark, in levels.
    """
    stretches = list(runs_of_columns(mask))
    if not outside:
        while stretches and stretches[-1][1] is False:
            stretches.pop()
        while stretches and stretches[0][1] is False:
            del stretches[0]
    if not stretches:
        return slice(0, 0), []
    start = stretches[0][0].start
    moved = [(slice(columns.start - start, columns.stop - start), marked) for columns, marked in stretches]
    return slice(start, stretches[-1][0].stop), moved


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


@dataclass(frozen=True, kw_only=True)
class _Tiles:
    """Noise of tiles on the channels of a picture.

    Attributes:
        field: which of its places shows which pixel of a tile.
        inside: (N, M, C), the levels of those pixels on the object.
        outside: the same outside of it; None: there is no noise.
        apart: whether the field's mask is another one than that of the bounds.
    """

    field: TileField
    inside: npt.NDArray[np.int8]
    outside: npt.NDArray[np.int8] | None
    apart: bool

    def add(self, before: PixelArray, after: PixelArray, rows: slice, columns: slice, stretches: Sequence[Stretch]) -> None:
        """Noise on a part of the picture.

        Args:
            before: (h, w), or (h, w, C): the part.
            after: filled.
            rows: where it lies.
            columns: likewise.
            stretches: of the mask of the bounds, see `runs_of_columns`.
        """
        where = runs_of_columns(self.field.mask[rows, columns]) if self.apart else stretches
        step = self._spread(rows, columns, where)
        given, made = (one if one.ndim == 3 else one[..., None] for one in (before, after))
        _add_bytes(given, made, step)

    def _spread(self, rows: slice, columns: slice, stretches: Iterable[Stretch]) -> npt.NDArray[np.int8]:
        """(h, w, C): what is added to each pixel."""
        step = self.field.spread(self.inside, rows, columns)
        for some, marked in stretches:
            if marked is True:
                continue
            there = slice(columns.start + some.start, columns.start + some.stop)
            other = None if self.outside is None else self.field.spread(self.outside, rows, there)
            if marked is False:
                step[:, some] = 0 if other is None else other
                continue
            keep = np.negative(marked.view(np.int8))  # all bits or none
            for channel in range(step.shape[2]):  # faster than all at once
                step[:, some, channel] &= keep
                if other is not None:
                    step[:, some, channel] |= other[..., channel] & ~keep
        return step


def _tiles_of(field: TileField, pixels: PixelArray, space: Space, mask: BoolArray, budget: NoiseBudget) -> _Tiles | None:
    """Noise of tiles, rounded before it is spread over the picture, with the same result; None where that is not possible.

    It is where bytes hold every level, and where either the object alone has the foreground's bound, or all of the picture.
    """
    everywhere = mask is not field.mask and bool(mask.all())
    if pixels.dtype != np.uint8 or not (everywhere or mask is field.mask or np.array_equal(mask, field.mask)):
        return None
    bounds = [budget.foreground * 255, (budget.foreground if everywhere else budget.background) * 255]
    if max(bounds) > np.iinfo(np.int8).max:
        return None
    inside, outside = (
        _on_channels(field.levels(bound, inside=inside), space) if budget_levels(bound, 1) else None
        for bound, inside in zip(bounds, (True, False), strict=True)
    )
    return None if inside is None else _Tiles(field=field, inside=inside, outside=outside, apart=everywhere)


def _on_channels(levels: npt.NDArray[np.int8], space: Space) -> npt.NDArray[np.int8]:
    """(N, M, 3) for red, green and blue -> (N, M, C), see `add_noise`."""
    if space == "grey":
        return np.ascontiguousarray(levels[..., GREEN, None])
    return levels if space == "rgb" else np.concatenate([-levels, np.zeros_like(levels[..., :1])], axis=2)


def _add_bytes(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], step: npt.NDArray[np.int8]) -> None:
    """Add to (h, w, C) pixels, as far as they go: without leaving bytes, of which a processor adds most at once.

    Args:
        before: pixels.
        after: what they become.
        step: what is added.
    """
    up = np.maximum(step, np.zeros_like(step))  # many times faster than beside a single number
    down = np.subtract(up, step).view(np.uint8)
    more = up.view(np.uint8)
    np.maximum(before, down, out=after)
    after -= down
    np.minimum(after, np.invert(more, out=down), out=after)
    after += more

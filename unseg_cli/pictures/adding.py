"""Noise on the pixels of a picture: in whole levels, no further than its bounds and than black and white."""

from __future__ import annotations

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
from unseg_cli.pictures.channels import cached_strips, runs_of_columns, within_budget
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
        UnsegError: a pixel moved by more than its bound, see `within_budget`: looked at here, where the part is at hand.
    """
    given, marked, top = pixels[some], mask[some], full_scale(pixels)
    first = some.indices(len(pixels))[0]
    tiles = _tiles_of(field, pixels, space, mask, budget) if isinstance(field, TileField) else None
    out = np.empty_like(given)
    for rows in cached_strips(len(out)):
        out[rows] = given[rows]
        columns = columns_with_noise(marked[rows], budget, top)
        here, there = out[rows, columns], slice(first + rows.start, first + rows.stop)
        if not here.size:
            continue
        part = marked[rows, columns]
        if tiles is not None:
            _add_bytes(here if here.ndim == 3 else here[..., None], tiles.spread(there, columns))
        else:
            noise = field.times(bounds_of(part, budget, top), there, columns)
            levels = whole_levels(noise[GREEN] if space == "grey" else noise, part, budget, top)
            _add_levels(here[..., :3] if space == "cmyk" else here, -levels if space == "cmyk" else levels, top)
        if not within_budget(given[rows, columns], here, part, budget):
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


def columns_with_noise(mask: BoolArray, budget: NoiseBudget, full_scale: int) -> slice:
    """Of some rows the columns that hold all that noise may change: what lies outside stays as it is."""
    if budget_levels(budget.background, full_scale) > 0:
        return slice(0, mask.shape[1])
    within = np.flatnonzero(mask.any(axis=0))
    return slice(int(within[0]), int(within[-1]) + 1) if within.size else slice(0, 0)


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
    """

    field: TileField
    inside: npt.NDArray[np.int8]
    outside: npt.NDArray[np.int8] | None

    def spread(self, rows: slice, columns: slice) -> npt.NDArray[np.int8]:
        """(rows, columns, C): what is added to each pixel of a part of the picture."""
        step = self.field.spread(self.inside, rows, columns)
        for some, marked in runs_of_columns(self.field.mask[rows, columns]):
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
    return None if inside is None else _Tiles(field=field, inside=inside, outside=outside)


def _on_channels(levels: npt.NDArray[np.int8], space: Space) -> npt.NDArray[np.int8]:
    """(N, M, 3) for red, green and blue -> (N, M, C), see `add_noise`."""
    if space == "grey":
        return np.ascontiguousarray(levels[..., GREEN, None])
    return levels if space == "rgb" else np.concatenate([-levels, np.zeros_like(levels[..., :1])], axis=2)


def _add_bytes(pixels: npt.NDArray[np.uint8], step: npt.NDArray[np.int8]) -> None:
    """Add to (h, w, C) pixels, in place, as far as they go: without leaving bytes, of which a processor adds most at once."""
    up = np.maximum(step, np.zeros_like(step))  # many times faster than beside a single number
    down = np.subtract(up, step).view(np.uint8)
    more = up.view(np.uint8)
    np.maximum(pixels, down, out=pixels)
    pixels -= down
    np.minimum(pixels, ~more, out=pixels)
    pixels += more

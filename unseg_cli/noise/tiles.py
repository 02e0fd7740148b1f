"""Noise that is a small tile, repeated over the picture at the picture's own size: one tile on the object, one outside of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import BoolArray, FloatArray
from unseg_cli.noise.arithmetic import whole
from unseg_cli.noise.closed_form import cells_of
from unseg_cli.noise.field import Enlarged, all_columns

#: Up to this longer side in pixels a file has as many tiles along it as any other; attackers shrink it to 128 to 512 pixels.
USUAL_SIDE = 600
#: Larger files are trained on at larger sizes, and seen at larger ones, too: their cells grow with the root of their size, not with it.
GROWTH, MOST = 0.5, 2.0  # power of the size; times as many tiles along the longer side, at the most
#: Where a limit of what shows decides how strong the noise is, cells of a large file nearly keep their side in pixels instead: larger ones
#: show, and would be left with little of their strength.
GROWTH_LIMITED, MOST_LIMITED = 0.93, 4.0
#: In pictures that people look at closely cells are smaller. What can be seen decides how strong the noise is there, and small cells may be
#: stronger. Elsewhere files of ordinary size get nearly all of the strength given, and larger cells reach attackers at smaller sizes.
FINER = 1.2  # times as many tiles along the longer side
#: Under the stricter limit there, cells keep their side in pixels altogether, from files of this longer side on: half as large again, and
#: hardly any noise is left. Not in files of more than five times that: attackers who shrink them would not see such cells any more.
CLOSE_SIDE, MOST_CLOSE = 400, 5.0


_CACHED_ROWS = 32  # of which a few float arrays fit the processor's cache


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """What the noise of a generator is made of.

    Attributes:
        inside: (n, n, 3) in [-1, 1], on the object.
        outside: the same, outside of it.
        inside_grey, outside_grey: the same two for pictures without colour.
        pitch: pixels of a tile along the longer side of a picture of ordinary size.
        cell: pixels of a tile along the side of what a network is to tell apart.
    """

    inside: FloatArray
    outside: FloatArray
    inside_grey: FloatArray
    outside_grey: FloatArray
    pitch: int
    cell: int

    def of(self, grey: bool) -> tuple[FloatArray, FloatArray]:
        """The tiles of a picture, inside and outside the object."""
        return (self.inside_grey, self.outside_grey) if grey else (self.inside, self.outside)


#: The order of the planes in a generator's weights.
PLACES = ("inside", "outside", "inside_grey", "outside_grey")


def tiles_of(planes: FloatArray, *, pitch: int, cell: int) -> Tiles:
    """(4, 3, n, n) in [-1, 1], one of each of `PLACES`, -> tiles."""
    arrays = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    return Tiles(**dict(zip(PLACES, arrays, strict=True)), pitch=pitch, cell=cell)


def pitch_for(longer_side: int, *, pitch: int, cell: int, min_cell: float, limited: bool = False, closely: bool = False) -> float:
    """Pixels of a tile along the longer side of a picture.

    Args:
        longer_side: of the picture, in pixels.
        pitch: of a picture of ordinary size, see `Tiles`.
        cell: see `Tiles`.
        min_cell: smallest side of a cell in pixels of the picture: JPEG takes what is finer than its blocks.
        limited: whether there is a limit of what may be seen of the noise.
        closely: whether people look at the picture closely.
    """
    usual, growth, most = USUAL_SIDE, GROWTH, MOST
    if limited:
        usual, growth, most = (CLOSE_SIDE, 1.0, MOST_CLOSE) if closely else (USUAL_SIDE, GROWTH_LIMITED, MOST_LIMITED)
    grown = (FINER if closely else 1) * pitch * min(most, max(1.0, (longer_side / usual) ** growth))
    return max(1.0, min(grown, longer_side * cell / min_cell))


class TileField:
    """Noise of one picture.

    Args:
        inside, outside: (n, n, 3) in [-1, 1].
        mask: (H, W) bool, the object.
        pitch: pixels of a tile along the longer side.
        share: of the amplitude, in [0, 1]: (1, h, w), enlarged to the picture, and read in the middle of each pixel of a tile, all of which
            gets that; None: all of it.
        share_outside: the same for places outside of the object; None: `share` counts there, too.

    Attributes:
        mask: see there.
    """

    def __init__(
        self,
        inside: FloatArray,
        outside: FloatArray,
        mask: BoolArray,
        pitch: float,
        share: Enlarged | None = None,
        share_outside: Enlarged | None = None,
    ) -> None:
        self.mask = mask
        longer, side = max(mask.shape), len(inside)
        self._down, self._across = (Grid.along(length, longer / pitch, side) for length in mask.shape)
        self._tiles = {True: inside, False: outside}
        self._shares = {True: share, False: share_outside or share}
        self._kept: dict[tuple[bool, float], npt.NDArray[np.int8]] = {}
        self._found: dict[int, npt.NDArray[np.int64]] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self.mask.shape[0], self.mask.shape[1]

    def rows(self, part: slice) -> FloatArray:
        """See `Rows`."""
        return all_columns(self, part)

    def times(self, bound: FloatArray, part: slice, columns: slice) -> FloatArray:
        """See `Rows`."""
        mask = self.mask[part, columns]
        noise = self._times(bound, part, columns, inside=True)
        if (bound.astype(np.bool_) > mask).any():
            np.copyto(noise, self._times(bound, part, columns, inside=False), where=~mask)
        return noise

    def levels(self, bound: float, *, inside: bool) -> npt.NDArray[np.int8]:
        """What the noise comes to in each pixel of the tiles, in whole levels: the same, where it is rounded, as `times` of one bound.

        Args:
            bound: in levels, at most 127.
            inside: of the tile on the object, or of the one outside of it.

        Returns:
            (N, M, 3); which of them a pixel of the picture shows says `spread`.
        """
        if (inside, bound) not in self._kept:
            self._kept[inside, bound] = self._levels(bound, inside=inside)
        return self._kept[inside, bound]

    def spread(self, levels: npt.NDArray[np.int8], part: slice, columns: slice) -> npt.NDArray[np.int8]:
        """A value of each pixel of the tiles -> of each pixel in a part of the picture: (N, M, C) -> (rows, columns, C)."""
        channels = levels.shape[2]
        down, across = self._down.place[part], self._places_of(channels)[columns].ravel()
        here = levels[down[0] : down[-1] + 1].reshape(-1, levels.shape[1] * channels)
        # The numbers are right by construction, and looking at each of them takes as long as all the rest.
        wide = here.take(across, axis=1, mode="clip")
        return wide.take(down - down[0], axis=0, mode="clip").reshape(len(down), -1, channels)

    def _places_of(self, channels: int) -> npt.NDArray[np.int64]:
        """(W, C): where in a row of levels each channel of each pixel of the picture is found."""
        if channels not in self._found:
            self._found[channels] = self._across.place[:, None] * channels + np.arange(channels)
        return self._found[channels]

    def _times(self, bound: FloatArray, part: slice, columns: slice, *, inside: bool) -> FloatArray:
        down, across = self._down.place[part], self._across.place[columns]
        share, tile = self._shares_of_pixels[inside], self._tiles[inside]
        weight = bound if share is None else share[down][:, across] * bound
        return np.stack([plane[self._down.tile[down]][:, self._across.tile[across]] * weight for plane in tile.transpose(2, 0, 1)])

    def _levels(self, bound: float, *, inside: bool) -> npt.NDArray[np.int8]:
        down, share = self._down.tile, self._shares_of_pixels[inside]
        wide = self._tiles[inside].transpose(2, 0, 1)[..., self._across.tile]
        made = np.empty((len(down), len(self._across.tile), 3), np.int8)
        for top in range(0, len(down), _CACHED_ROWS):
            some = slice(top, top + _CACHED_ROWS)
            weight = np.float32(bound) if share is None else share[some] * np.float32(bound)
            for channel, plane in enumerate(wide):
                made[some, :, channel] = whole(plane.take(down[some], axis=0) * weight, bound)
        return made

    @cached_property
    def _shares_of_pixels(self) -> dict[bool, FloatArray | None]:
        """(N, M) for either tile: the share that each of its pixels gets."""
        made = {one: None if one is None else one.at(self._down.middle, self._across.middle)[..., 0] for one in self._shares.values()}
        return {inside: made[one] for inside, one in self._shares.items()}


class Grid(NamedTuple):
    """The pixels of tiles along a side of a picture.

    Attributes:
        place: (length,) for each pixel of the picture which one it shows, from 0.
        tile: (N,) for each of those which pixel of the tile it is.
        middle: (N,) where its middle lies, in pixels of the picture.
    """

    place: npt.NDArray[np.int64]
    tile: npt.NDArray[np.int64]
    middle: FloatArray

    @classmethod
    def along(cls, length: int, cell: float, side: int) -> Grid:
        """Of a side of so many pixels, tiles of `side` pixels, each `cell` pixels of the picture long."""
        numbers, place = np.unique(cells_of(length, cell), return_inverse=True)
        return cls(place.reshape(-1), numbers % side, ((numbers + 0.5) * cell).astype(np.float32))

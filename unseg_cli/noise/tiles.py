"""Noise that is a small tile, repeated over the picture at the picture's own size: one tile on the object, one outside of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import BoolArray, FloatArray
from unseg_cli.noise.arithmetic import runs
from unseg_cli.noise.closed_form import cells_of
from unseg_cli.noise.field import EVERYTHING, Enlarged, all_columns

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
        share: of the amplitude that each place gets, in [0, 1]: (1, h, w), enlarged to the picture; None: all of it.
        share_outside: the same for places outside of the object; None: `share` counts there, too.
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
        self._inside, self._outside, self._mask, self._pitch = inside, outside, mask, pitch
        self._share, self._share_outside = share, share_outside or share

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self._mask.shape[0], self._mask.shape[1]

    def rows(self, part: slice) -> FloatArray:
        """See `Rows`."""
        return all_columns(self, part)

    def times(self, bound: FloatArray, part: slice, columns: slice) -> FloatArray:
        """See `Rows`."""
        weight = _weight(bound, self._share, part, columns)
        mask = self._mask[part, columns]
        down = self._cells[0]
        noise = _painted(weight, self._wide_inside[:, :, columns], down[part])
        if (bound.astype(np.bool_) > mask).any():
            if self._share_outside is not self._share:
                weight = _weight(bound, self._share_outside, part, columns)
            np.copyto(noise, _painted(weight, self._wide_outside[:, :, columns], down[part]), where=~mask)
        return noise

    @cached_property
    def _cells(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        return cells_of(len(self._inside), self.size, self._pitch, EVERYTHING, EVERYTHING)

    @cached_property
    def _wide_inside(self) -> FloatArray:
        """(3, n, W): each row of the tile, repeated to the width of the picture."""
        return np.ascontiguousarray(self._inside.transpose(2, 0, 1)[..., self._cells[1]])

    @cached_property
    def _wide_outside(self) -> FloatArray:
        return np.ascontiguousarray(self._outside.transpose(2, 0, 1)[..., self._cells[1]])


def _weight(bound: FloatArray, share: Enlarged | None, part: slice, columns: slice) -> FloatArray:
    """The share of its bound that each place gets."""
    return bound if share is None else share.rows(part, columns)[..., 0] * bound


def _painted(weight: FloatArray, wide: FloatArray, down: npt.NDArray[np.int64]) -> FloatArray:
    """(rows, columns) times what the tile has there -> (3, rows, columns). Rows that show the same row of the tile are done at once."""
    noise = np.empty((3, *weight.shape), np.float32)
    for rows in runs(down):
        np.multiply(weight[rows], wide[:, down[rows.start], None], out=noise[:, rows])
    return noise

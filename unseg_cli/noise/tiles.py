"""Noise that is a small tile, repeated over the picture at the picture's own size: one tile on the object, one outside of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unseg_cli.core.constants import BoolArray, FloatArray
from unseg_cli.noise.closed_form import tiled
from unseg_cli.noise.field import Enlarged

#: Up to this longer side in pixels a file has as many tiles along it as any other; attackers shrink it to 128 to 512 pixels.
USUAL_SIDE = 600
#: Larger files are trained on at larger sizes, and seen at larger ones, too: their cells grow with the root of their size, not with it.
MOST = 2.0  # times as many tiles along the longer side, at the most
#: In pictures that people look at closely cells are smaller. What can be seen decides how strong the noise is there, and small cells may be
#: stronger. Elsewhere the strength is given, and larger cells reach attackers who train at smaller sizes.
FINER = 1.2  # times as many tiles along the longer side


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


def pitch_for(longer_side: int, *, pitch: int, cell: int, min_cell: float, closely: bool = False) -> float:
    """Pixels of a tile along the longer side of a picture.

    Args:
        longer_side: of the picture, in pixels.
        pitch: of a picture of ordinary size, see `Tiles`.
        cell: see `Tiles`.
        min_cell: smallest side of a cell in pixels of the picture: JPEG takes what is finer than its blocks.
        closely: whether people look at the picture closely.
    """
    grown = (FINER if closely else 1) * pitch * min(MOST, max(1.0, (longer_side / USUAL_SIDE) ** 0.5))
    return max(1.0, min(grown, longer_side * cell / min_cell))


class TileField:
    """Noise of one picture.

    Args:
        inside, outside: (n, n, 3) in [-1, 1].
        mask: (H, W) bool, the object.
        pitch: pixels of a tile along the longer side.
        share: of the amplitude that each place gets, in [0, 1]: (1, h, w), enlarged to the picture; None: all of it.
    """

    def __init__(self, inside: FloatArray, outside: FloatArray, mask: BoolArray, pitch: float, share: Enlarged | None = None) -> None:
        self._inside, self._outside, self._mask, self._pitch, self._share = inside, outside, mask, pitch, share

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self._mask.shape[0], self._mask.shape[1]

    def rows(self, part: slice) -> FloatArray:
        """The rows of `part`, a slice without a step: (rows, W, 3) in [-1, 1]."""
        noise: FloatArray = tiled(self._inside, self.size, self._pitch, part)
        outside = ~self._mask[part]
        if outside.any():
            noise[outside] = tiled(self._outside, self.size, self._pitch, part)[outside]
        if self._share is not None:
            noise *= self._share.rows(part).numpy()
        return noise.astype(np.float32, copy=False)

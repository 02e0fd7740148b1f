"""Noise for a picture at its own size, part by part: a small map and its enlargement, never all of it at once.

The noise of a 200-megapixel picture as one array would take 2.4 GB. Parts come out the same whether they are asked for one by one or all at
once, on any number of threads.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import FloatArray

EVERYTHING = slice(None)


class Rows(Protocol):
    """Noise of one picture.

    Attributes:
        size: (H, W) of the picture.
    """

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        ...

    def rows(self, part: slice) -> FloatArray:
        """The rows of `part`, a slice without a step: (rows, W, 3) in [-1, 1]."""
        ...

    def times(self, bound: FloatArray, part: slice, columns: slice) -> FloatArray:
        """What the noise comes to: that of a part of the picture, times the bound of each of its places.

        Args:
            bound: (rows, columns) float32, 0 where nothing is to be drawn.
            part: which rows, a slice without a step.
            columns: which columns, likewise.

        Returns:
            (3, rows, columns) float32, in the unit of `bound`; the caller's to change.
        """
        ...


def all_columns(field: Rows, part: slice) -> FloatArray:
    """`Rows.rows` of a field that is drawn by `Rows.times`."""
    height, width = field.size
    planes = field.times(np.ones((len(range(*part.indices(height))), width), np.float32), part, EVERYTHING)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


class Enlarged:
    """A small map, enlarged (or shrunk) bilinearly to any size, of which parts are computed when they are asked for.

    Args:
        small: (C, h, w).
        size: (H, W) of the result.
    """

    def __init__(self, small: FloatArray, size: tuple[int, int]) -> None:
        self.small = np.asarray(small, np.float32)
        self.size = size

    def rows(self, part: slice, columns: slice = EVERYTHING) -> FloatArray:
        """(rows, columns, C) float32 of a part of the result; slices without a step."""
        start, stop, _ = part.indices(self.size[0])
        upper, lower, share = self._places
        some = self._wide[:, columns]
        return _blended(some[upper[start:stop]], some[lower[start:stop]], share[start:stop, None, None])

    def at(self, down: FloatArray, across: FloatArray) -> FloatArray:
        """What the result has at some places: (N,) from its upper edge and (M,) from its left one, in its pixels -> (N, M, C) float32."""
        upper, lower, share = _places(self.small.shape[1], self.size[0], down)
        wide = self._at_columns(across)
        return _blended(wide[upper], wide[lower], share[:, None, None])

    def range_of_columns(self, part: slice) -> tuple[FloatArray, FloatArray]:
        """(W,) twice: no row of `part` has less than the first and more than the second, in any channel; costs little."""
        start, stop, _ = part.indices(self.size[0])
        first, second, _ = self._places
        few = self._wide[first[start] : second[stop - 1] + 1]
        return few.min(axis=(0, 2)), few.max(axis=(0, 2))

    @cached_property
    def _wide(self) -> FloatArray:
        """(h, W, C): the map at the full width, still of few rows."""
        return self._at_columns(_middles(self.size[1]))

    def _at_columns(self, across: FloatArray) -> FloatArray:
        """(M,) places across the picture -> (h, M, C)."""
        left, right, share = _places(self.small.shape[2], self.size[1], across)
        wide = _blended(self.small.take(left, axis=2), self.small.take(right, axis=2), share)
        return np.ascontiguousarray(wide.transpose(1, 2, 0))

    @cached_property
    def _places(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], FloatArray]:
        return _places(self.small.shape[1], self.size[0], _middles(self.size[0]))


def _middles(count: int) -> FloatArray:
    """Where the middle of each of so many pixels lies."""
    return np.arange(count, dtype=np.float32) + np.float32(0.5)


def _places(count: int, length: int, at: FloatArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], FloatArray]:
    """For each place along a side of `length` the two of `count` places that it lies between, and the share of the second."""
    scale = np.float32(count) / np.float32(length)
    place = np.maximum(scale * at - np.float32(0.5), np.float32(0))
    first = np.minimum(place.astype(np.int64), count - 1)
    second = np.minimum(first + 1, count - 1)
    share: FloatArray = (place - first).clip(0, 1).astype(np.float32)
    return first, second, share


def _blended(first: FloatArray, second: FloatArray, share: FloatArray) -> FloatArray:
    """What lies between two arrays, by the share of the second; both are changed."""
    second *= share
    first *= 1 - share
    second += first
    return second


class NoiseField:
    """A generator's noise for one picture.

    Args:
        noise: (3, h, w) in [-1, 1], the picture's own part of the generator's map.
        size: (H, W) of the picture.
    """

    def __init__(self, noise: FloatArray, size: tuple[int, int]) -> None:
        self._enlarged = Enlarged(noise, size)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self._enlarged.size

    def rows(self, part: slice) -> FloatArray:
        """See `Rows`."""
        return self._enlarged.rows(part)

    def times(self, bound: FloatArray, part: slice, columns: slice) -> FloatArray:
        """See `Rows`."""
        return self._enlarged.rows(part, columns).transpose(2, 0, 1) * bound


class ArrayField:
    """Noise that is an array already, such as random noise or the texture rival.

    Args:
        noise: (H, W, 3) in [-1, 1].
    """

    def __init__(self, noise: FloatArray) -> None:
        self._noise = noise

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self._noise.shape[0], self._noise.shape[1]

    def rows(self, part: slice) -> FloatArray:
        """See `Rows`."""
        return self._noise[part]

    def times(self, bound: FloatArray, part: slice, columns: slice) -> FloatArray:
        """See `Rows`."""
        return self._noise[part, columns].transpose(2, 0, 1) * bound

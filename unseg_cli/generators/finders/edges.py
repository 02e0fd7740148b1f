"""A coarse map drawn along the edges of its picture: the guided filter of He, Sun and Tang 2013, fast as in He and Sun 2015.

In every window the map is taken for a linear function of the picture's three colours, fitted by least squares: where the picture has an
edge, so has the map. The fit is made at the map's size, and applied at the picture's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import FloatArray
from unseg_cli.noise.field import EVERYTHING, Enlarged

#: Windows reach so many pixels of the map each way, and a fit pays for steep slopes with this much: nearest to the truth of what was tried.
RADIUS, SLOPES = 4, 1e-4
_ROWS, _COLUMNS = [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]  # of a symmetric matrix's upper half

_Planes = npt.NDArray[np.float64]


def along_edges(plane: FloatArray, picture_01: FloatArray) -> FloatArray:
    """A map along the edges of what it maps.

    Args:
        plane: (1, h, w).
        picture_01: (3, H, W) in [0, 1], larger or not.

    Returns:
        (1, H, W); a little beyond the range of `plane` here and there.
    """
    small = _planes(picture_01, plane.shape[1:])
    windows = _fitted(small, plane[0].astype(np.float64))
    slopes_and_offset = _planes(_mean(windows), picture_01.shape[1:])
    along: FloatArray = ((slopes_and_offset[:3] * picture_01).sum(0, keepdims=True) + slopes_and_offset[3:]).astype(np.float32)
    return along


def _planes(values: npt.NDArray[np.floating], shape: tuple[int, ...]) -> _Planes:
    """(C, h, w) -> (C, H, W), bilinearly."""
    large = Enlarged(values.astype(np.float32, copy=False), (shape[0], shape[1])).rows(EVERYTHING)
    return large.transpose(2, 0, 1).astype(np.float64)


def _fitted(colours: _Planes, plane: _Planes) -> _Planes:
    """(3, h, w), (h, w) -> (4, h, w): of the window around each pixel the slopes along the three colours, and the offset."""
    means = _mean(np.concatenate([colours, plane[None], colours * plane, colours[_ROWS] * colours[_COLUMNS]]))
    colour, value = means[:3], means[3]
    shared = means[4:7] - colour * value
    rr, rg, rb, gg, gb, bb = means[7:] - colour[_ROWS] * colour[_COLUMNS]
    rr, gg, bb = rr + SLOPES, gg + SLOPES, bb + SLOPES
    # The inverse of a symmetric matrix of three rows, by its cofactors: numpy's own takes ten times as long for so many small ones.
    inverse = np.stack([gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg, rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg])
    inverse /= rr * inverse[0] + rg * inverse[1] + rb * inverse[2]
    slopes = np.stack([(inverse[row] * shared).sum(0) for row in ([0, 1, 2], [1, 3, 4], [2, 4, 5])])
    return np.concatenate([slopes, (value - (slopes * colour).sum(0))[None]])


def _mean(planes: _Planes) -> _Planes:
    """The mean of each pixel's window, of as much of it as lies in the picture."""
    return _mean_of_rows(np.ascontiguousarray(_mean_of_rows(planes).swapaxes(1, 2))).swapaxes(1, 2)


def _mean_of_rows(planes: _Planes) -> _Planes:
    count = planes.shape[1]
    places = np.arange(count)
    # Slices of a longer array, in which nothing follows the last row: several times faster than picking rows by number.
    sums = np.zeros((len(planes), count + 2 * RADIUS + 1, planes.shape[2]))
    np.cumsum(planes, axis=1, out=sums[:, RADIUS + 1 : RADIUS + 1 + count])
    sums[:, RADIUS + 1 + count :] = sums[:, RADIUS + count, None]
    means: _Planes = sums[:, 2 * RADIUS + 1 :] - sums[:, :count]
    means /= (np.minimum(places + RADIUS + 1, count) - np.maximum(places - RADIUS, 0))[:, None]
    return means

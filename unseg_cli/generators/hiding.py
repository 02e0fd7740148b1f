"""How much of its amplitude a tile may have at each place of a picture, so that nobody sees it.

The limit is a difference of colour as the eye resolves it (`noise/eye.py`): the same noise shows on one colour and not on another, and in
a file of 12 megapixels its cells are large enough for anyone. Elsewhere the noise has all that its budget allows.

Photographs are also looked at closely, at 200 %, and on a smooth surface the eye finds a faint pattern at once that it never finds in
detail (the noise visibility function of watermarking, after Voloshynovskiy et al. 1999). Networks find it in both: what counts for them is
the pattern against the detail at the same place. A pattern of colour is hidden by detail of colour as much as by detail of brightness.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import FloatArray
from unseg_cli.generators.frame import at_size
from unseg_cli.noise.alike import alike
from unseg_cli.noise.arithmetic import is_grey, luma_of
from unseg_cli.noise.eye import PIXELS_PER_DEGREE, resolved, strongest, visible_difference

ENLARGED = 2.0  # of a picture that is looked at closely
CLOSELY = 1.9  # times the limit there, in detail: it is twice as large, and colour is resolved that was not before
SMOOTH = 0.2  # share of that on a smooth surface of a small file
SMOOTHEST = 0.1  # and of a large one: a surface holds more cells there, and a pattern is found the sooner the more often it is repeated
GRAINY, DETAILED = 3 / 255, 18 / 255  # standard deviations of luma, as fractions of full intensity, where surfaces end and detail begins
PLAIN, COLOURFUL = 0.5 / 255, 12 / 255  # the same of red against green: the detail of hair and fur is one of brightness, and hides less
LIGHT_AND_DARK = 3.0  # so many times as plain as one of colour is a pattern of brightness of the same difference, by eye
AROUND = 5  # steps of two pixels of the generator's frame: cells reach over edges, and a share that follows every detail would be one

FARTHEST = 20  # pixels of the frame: five windows of `AROUND` places follow one another, and a place is two pixels


def hidden_share(
    frame_01: FloatArray, tile: FloatArray, *, epsilon: float, scale: float, limit: float, hiding: FloatArray | None = None
) -> FloatArray:
    """The share of the amplitude that stays under the limit.

    Args:
        frame_01: (3, h, w) in [0, 1], sides even: the picture as the generator looks at it, what is around it included; what is farther
            away than `FARTHEST` pixels does not matter to a place.
        tile: (n, n, 3) in [-1, 1].
        epsilon: what the tile is multiplied with, as a fraction of full intensity.
        scale: side of a pixel of the tile in pixels of the picture's file.
        limit: the largest difference at 100 %, see `visible_difference`.
        hiding: (k, l), see `detail_that_hides`: the noise must not be found at 200 %, either, then. None: only the limit counts.

    Returns:
        In [0, 1]: (1, h / 2, w / 2), with `hiding` (1, k, l).
    """
    changes = np.ascontiguousarray(tile.transpose(2, 0, 1)) * np.float32(epsilon)
    colours = _halved(frame_01)
    amplitude = np.abs(changes).max((1, 2))
    few, which = alike(colours)

    def difference(seen: FloatArray) -> FloatArray:
        return np.maximum(visible_difference(few, seen, amplitude)[0], np.float32(1e-6))[which]

    share: npt.NDArray[Any] = limit / difference(strongest(resolved(changes, scale)))
    if hiding is not None:
        large = strongest(resolved(changes, scale, pixels_per_degree=PIXELS_PER_DEGREE / ENLARGED))
        large[:, 0] *= np.float32(LIGHT_AND_DARK)
        share, seen = (at_size(plane, hiding.shape) for plane in (share, difference(large)))  # colours change slowly
        smooth = max(SMOOTHEST, SMOOTH * max(colours.shape) / max(hiding.shape))
        allowed = CLOSELY * limit * (smooth + (1 - smooth) * hiding)
        share = np.minimum(share, allowed / seen)
    return _average(_lowest(np.minimum(share, 1).astype(np.float32)))[None]


def detail_that_hides(surface: FloatArray) -> FloatArray:
    """How much detail each place has for a pattern of colour to hide in.

    Args:
        surface: (3, k, l) in [0, 1], sides even: the picture at a size at which a cell of the tile has as many pixels for any size of the
            file. What hides a cell is the detail of its own size.

    Returns:
        (k / 2, l / 2), from 0 on a smooth surface to 1.
    """
    brightness = _between(_detail(luma_of(surface)), GRAINY, DETAILED)
    if is_grey(surface):
        return brightness
    both: FloatArray = np.sqrt(brightness * _between(_detail(surface[0] - surface[1]), PLAIN, COLOURFUL))
    return both


def _between(plane: FloatArray, low: float, high: float) -> FloatArray:
    """0 at `low` and under it, 1 at `high` and over it."""
    return np.clip((plane - np.float32(low)) / np.float32(high - low), 0, 1)


def _detail(plane: FloatArray) -> FloatArray:
    """The local standard deviation: (S, S) -> (S / 2, S / 2).

    It is eroded: beside a lone edge, as of a roof against the sky, the sky is smooth.
    """
    mean, square = (_average(_halved(one[None])[0]) for one in (plane, plane * plane))
    # float32 leaves a variance of about 1e-7 on a white surface, which is far under DETAILED
    return _average(_lowest(np.sqrt(np.maximum(square - mean * mean, 0))))


def _halved(planes: FloatArray) -> FloatArray:
    """(C, 2 h, 2 w) -> (C, h, w), the mean of four."""
    rows = planes[:, ::2] + planes[:, 1::2]
    return np.float32(0.25) * (rows[..., ::2] + rows[..., 1::2])


def _lowest(plane: FloatArray) -> FloatArray:
    """The least of `AROUND` x `AROUND` places around each."""
    for axis in (0, 1):
        plane = _over_windows(np.minimum, np.pad(plane, _around(axis), constant_values=np.float32(np.inf)), axis)
    return plane


def _average(plane: FloatArray) -> FloatArray:
    """The mean of `AROUND` x `AROUND` places around each, beside an edge of those that there are."""
    for axis in (0, 1):
        count = _over_windows(np.add, np.pad(np.ones(plane.shape[axis], np.float32), AROUND // 2), 0)
        plane = _over_windows(np.add, np.pad(plane, _around(axis)), axis)
        plane /= count[:, None] if axis == 0 else count
    return plane


def _around(axis: int) -> list[tuple[int, int]]:
    return [(AROUND // 2, AROUND // 2) if axis == one else (0, 0) for one in (0, 1)]


def _over_windows(of: np.ufunc, padded: FloatArray, axis: int) -> FloatArray:
    """What `of` makes of every `AROUND` neighbours along an axis, one after another: `np.ufunc.reduce` would copy them first."""
    length = padded.shape[axis] - AROUND + 1
    first, *others = (padded[by : by + length] if axis == 0 else padded[:, by : by + length] for by in range(AROUND))
    whole = first.copy()
    for one in others:
        of(whole, one, out=whole)
    return whole

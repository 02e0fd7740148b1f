"""Noise of its own for every class of a label map: checkerboards on three colour axes, flat tints, and after those mixtures of both.

With one pattern for all objects a victim can shortcut "object or not", and still has to look at the picture to tell road from pavement.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import FloatArray
from unseg_cli.noise.closed_form import tiled
from unseg_cli.noise.field import Rows, all_columns

#: In a map of classes: no class, thus no noise of its own.
NO_CLASS = -1
#: Along the longer side. Finer than the generator's, since classes such as poles and signs are thin.
CELLS = 40
CHECKERBOARD = np.array([[[1], [0]], [[0], [1]]])


def _colours() -> npt.NDArray[np.float32]:
    """(42, 2, 3): for each class the two colours of its checkerboard.

    First the axes between opposite corners of the colour cube but for luma, which networks read best. Then 14 flat tints, both colours
    alike: the corners and the middles of the faces, as far from each other as the budget allows. Then a checkerboard in two channels with
    a tint in the third, in one channel with a tint in the others, and in luma, which the eye would see first.
    """
    corners = np.array(list(product((-1, 1), repeat=3)), np.float32)
    faces = np.concatenate([np.eye(3, dtype=np.float32), -np.eye(3, dtype=np.float32)])
    tints = np.concatenate([corners, faces])
    pairs = np.array(list(combinations(corners, 2)), np.float32)
    shared = (pairs[:, 0] == pairs[:, 1]).sum(1)
    luma, *axes = pairs[shared == 0]
    return np.concatenate([axes, np.stack([tints, tints], 1), pairs[shared == 1], pairs[shared == 2], luma[None]])


#: By class number; after 42 classes they repeat.
COLOURS = _colours()


class PerClassField:
    """Another field's noise, replaced by that of each class. The same class has the same colours in every picture.

    Args:
        field: the noise where there is no class.
        classes: (H, W) integers: a class number, or `NO_CLASS`, where the noise of `field` stays.
    """

    def __init__(self, field: Rows, classes: npt.NDArray[Any]) -> None:
        self._field, self._classes = field, classes

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self._field.size

    def rows(self, part: slice) -> FloatArray:
        """See `Rows`."""
        return all_columns(self, part)

    def times(self, bound: FloatArray, part: slice, columns: slice) -> FloatArray:
        """See `Rows`."""
        classes = self._classes[part, columns]
        known = classes != NO_CLASS
        cells = tiled(CHECKERBOARD, self._classes.shape, CELLS, part, columns)[..., 0]
        noise = COLOURS[np.where(known, classes % len(COLOURS), 0), cells].transpose(2, 0, 1) * bound
        if not known.all():
            np.copyto(noise, self._field.times(bound, part, columns), where=~known)
        return noise

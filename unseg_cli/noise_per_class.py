"""Noise of its own for every class of a label map: the generator's pattern drawn in two colours that belong to the class.

With one pattern for all objects a victim can shortcut "object or not", and still has to look at the picture to tell road from pavement.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.noise import FloatArray

#: In a map of classes: no class, thus no noise of its own.
NO_CLASS = -1


def _pairs() -> npt.NDArray[np.float32]:
    """(28, 2, 3): all pairs of corners of the colour cube, those first that share two channels, then one, then none.

    Every channel is at its bound everywhere, so nothing of the budget is wasted. Two shared channels tint the whole class, the third
    carries the pattern: victims read a tint per class fastest, and the pattern keeps it from being undone by white balance.
    """
    corners = np.array(list(product((-1, 1), repeat=3)), np.float32)
    pairs = np.array(list(combinations(corners, 2)), np.float32)
    shared = (pairs[:, 0] == pairs[:, 1]).sum(1)
    return np.concatenate([pairs[shared == count] for count in (2, 1, 0)])


#: Colours of the cells of the pattern, by class. After 28 classes they repeat.
COLOURS = _pairs()


def noise_per_class(noise: FloatArray, classes: npt.NDArray[Any]) -> FloatArray:
    """Redraw noise in the colours of each class.

    Args:
        noise: (H, W, 3) in [-1, 1], made with all classes together as the object. Its red says which of the two colours a cell gets, and
            its largest channel how strong it is.
        classes: (H, W) integers: a class number, or `NO_CLASS`, where the noise stays as it is.

    Returns:
        (H, W, 3) in [-1, 1]. The same class has the same colours in every picture.
    """
    known = classes != NO_CLASS
    colours = COLOURS[np.where(known, classes % len(COLOURS), 0), (noise[..., 0] > 0).astype(int)]
    strength = np.abs(noise).max(axis=2, keepdims=True)
    return np.where(known[..., None], strength * colours, noise).astype(np.float32)

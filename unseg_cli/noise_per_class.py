"""Noise of its own for every class of a label map: flat tints, and after those the generator's pattern in two colours.

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


def _colours() -> npt.NDArray[np.float32]:
    """(42, 2, 3): for each class the colours of the cells of the pattern that are on and off.

    The first 14 are equal, a flat tint: the corners of the colour cube and the middles of its faces, as far from each other as the
    budget allows. A tint is what pretrained networks read fastest, and it has no edges but those of the class, so it needs no sparing
    of smooth places. The other 28 are the pairs of corners, those that share two channels first.
    """
    corners = np.array(list(product((-1, 1), repeat=3)), np.float32)
    faces = np.concatenate([np.eye(3, dtype=np.float32), -np.eye(3, dtype=np.float32)])
    tints = np.concatenate([corners, faces])
    pairs = np.array(list(combinations(corners, 2)), np.float32)
    shared = (pairs[:, 0] == pairs[:, 1]).sum(1)
    return np.concatenate([np.stack([tints, tints], 1), *(pairs[shared == count] for count in (2, 1, 0))])


#: By class number; after 42 classes they repeat.
COLOURS = _colours()


def noise_per_class(noise: FloatArray, classes: npt.NDArray[Any]) -> FloatArray:
    """Redraw noise in the colours of each class.

    Args:
        noise: (H, W, 3) in [-1, 1], made with all classes together as the object. The sign of its red is the pattern.
        classes: (H, W) integers: a class number, or `NO_CLASS`, where the noise stays as it is.

    Returns:
        (H, W, 3) in [-1, 1]. The same class has the same colours in every picture.
    """
    known = classes != NO_CLASS
    colours = COLOURS[np.where(known, classes % len(COLOURS), 0), (noise[..., 0] > 0).astype(int)]
    return np.where(known[..., None], colours, noise).astype(np.float32)

"""Noise of its own for every class of a label map: the generator's pattern in another colour, on a tint of the class's own.

With one pattern for all objects a victim can shortcut "object or not", and still has to look at the picture to tell road from pavement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.noise import FloatArray

#: Signs that the channels of the pattern are multiplied with: its colour. The corners of the colour cube.
SIGNS = np.array([(1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, 1, 1), (-1, -1, -1), (-1, 1, -1), (-1, -1, 1), (1, -1, -1)], np.float32)
#: Tints as far from each other as the budget allows: the corners, and the middles of the faces. After 14 classes they repeat, and with
#: them only pairs of tint and sign that a map of that many classes can bear (the two lists have different lengths).
TINTS = np.concatenate([SIGNS, np.eye(3, dtype=np.float32), -np.eye(3, dtype=np.float32)])
PATTERN_SHARE = 0.5  # of the budget; the tint has the rest

#: In a map of classes: no class, thus no noise of its own.
NO_CLASS = -1


def noise_per_class(noise: FloatArray, classes: npt.NDArray[Any]) -> FloatArray:
    """Recolour noise by class.

    Args:
        noise: (H, W, 3) in [-1, 1], made with all classes together as the object.
        classes: (H, W) integers: a class number, or `NO_CLASS`, where the noise stays as it is.

    Returns:
        (H, W, 3) in [-1, 1]. The same class gives the same colours in every picture.
    """
    known = classes != NO_CLASS
    signs, tints = SIGNS[classes % len(SIGNS)], TINTS[classes % len(TINTS)]
    coloured = PATTERN_SHARE * noise * signs + (1 - PATTERN_SHARE) * tints
    return np.where(known[..., None], coloured, noise).astype(np.float32)

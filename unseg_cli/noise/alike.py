"""Colours of a picture that are nearly alike, gathered: what depends on a colour alone is then worked out once for all of its places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import FloatArray

#: How far colours of one group lie apart, in green and in red or blue against it. How plainly a change is seen of a colour (CIEDE2000)
#: hangs on its chroma more than on its brightness, most of all near grey.
BRIGHTNESS_STEP, CHROMA_STEP = 8 / 255, 4 / 255
_MANY = 1024  # more than there are steps, to both sides of grey


def alike(image_01: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Gather colours that are nearly alike.

    Args:
        image_01: (3, h, w) in [0, 1].

    Returns:
        (3, 1, n), the mean of every group, a picture of one row; and (h, w), which of them each place belongs to. Of a photograph n is
        about a sixth of its places.
    """
    red, green, blue = image_01.reshape(3, -1)
    steps = [np.rint(green / np.float32(BRIGHTNESS_STEP))]
    steps += [np.rint((one - green) / np.float32(CHROMA_STEP)) + _MANY // 2 for one in (red, blue)]
    key = np.zeros(green.shape, np.int64)
    for step in steps:
        key = key * _MANY + step.astype(np.int64)
    _, group, count = np.unique(key, return_inverse=True, return_counts=True)
    group = group.reshape(-1)  # NumPy 2.0 alone gives it another shape
    means = np.stack([np.bincount(group, plane) / count for plane in (red, green, blue)]).astype(np.float32)
    return means[:, None], group.reshape(image_01.shape[1:])

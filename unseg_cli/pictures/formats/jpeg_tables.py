"""The quantisation of a JPEG, chosen so that noise in its colour outlives it and the file hardly grows.

Brightness takes most of a JPEG's bytes, and the noise is nearly all in colour: brightness keeps the table that it had, which also changes
the picture least, and colour alone gets a finer one.
"""

from __future__ import annotations

import numpy as np

from unseg_cli.pictures.coding import CHROMA
from unseg_cli.pictures.picture import Coding, PixelArray, PixelRows

#: Of brightness and of colour, 64 values each in row order.
Tables = tuple[list[int], list[int]]
#: Shares of red, green and blue in the brightness that a JPEG stores: ITU-R BT.601.
_BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
#: Of the mean energy of a channel. The noise of tiles has a twentieth of it in brightness, any other kind more than half.
_HARDLY_ANY = 0.2
#: So many rows, at even distances, tell.
_ROWS = 128


def tables_for_colour(coding: Coding, quality: int) -> Tables | None:
    """The tables for what a JPEG held, with colour at least as finely as a quality has it.

    Args:
        coding: of the JPEG.
        quality: of libjpeg, 50 to 100.

    Returns:
        None where it has no tables: it is no JPEG.
    """
    brightness = coding.tables.get(0)
    if brightness is None:
        return None
    fine = (max(1, (base * (200 - 2 * quality) + 50) // 100) for base in CHROMA)
    return brightness, [min(pair) for pair in zip(coding.tables.get(1, brightness), fine, strict=True)]


def is_in_colour(clean: PixelArray, noised: PixelRows) -> bool:
    """Whether hardly any of the noise is in brightness.

    Args:
        clean: (H, W, 3) uint8.
        noised: the same with noise.
    """
    bright = whole = 0.0
    for row in np.unique(np.linspace(0, len(clean) - 1, _ROWS).astype(int)):
        change = noised[row : row + 1].astype(np.float32) - clean[row : row + 1]
        bright += float(np.square(change @ _BRIGHTNESS).sum())
        whole += float(np.square(change).sum()) / 3
    return bright < _HARDLY_ANY * whole

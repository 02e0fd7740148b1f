"""A picture with noise that is never there as a whole: its rows are drawn when they are asked for.

A huge picture as an array, its copy with noise and the codec's own copy of that do not fit into two gigabytes. Drawing is quicker than
decoding, and gives the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray
from unseg_cli.noise.field import Rows
from unseg_cli.pictures.adding import add_noise
from unseg_cli.pictures.picture import PixelArray, Space


@dataclass(frozen=True, kw_only=True)
class DrawnRows:
    """What `add_noise` returns for the same arguments, a `PixelRows`; an array of NumPy's where one is asked for."""

    pixels: PixelArray
    space: Space
    field: Rows
    mask: BoolArray
    budget: NoiseBudget

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W), (H, W, 3) or (H, W, 4)."""
        return self.pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the clean picture."""
        return self.pixels.dtype

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: slice) -> PixelArray:
        return add_noise(self.pixels, self.space, self.field, self.mask, self.budget, rows)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> PixelArray:
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

"""Names that every room uses: the void label, and the types of arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Label of pixels that belong to no class: they count nowhere.
IGNORE = 255

U8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]

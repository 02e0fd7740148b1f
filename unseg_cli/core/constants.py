"""Names that every room uses: the void label, and the types of arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Label of pixels that belong to no class: they count nowhere.
IGNORE = 255

U8Array = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
#: Range of the random scale of pictures that generators are trained on. The paper's is 0.1 to 2.0, at 1,024 px; at 256 px a tenth would
#: leave objects of a few pixels.
SCALES = (0.5, 1.6)

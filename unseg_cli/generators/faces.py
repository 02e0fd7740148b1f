"""Where people are: faces, found by scikit-image's cascade of local binary patterns, and skin in pictures that have a face.

Skin alone is no sign of people, since sand, wood and fur have its colour; a face found alone misses profiles, hands and a second face that
is turned away. The cascade runs on a small copy: faces under a tenth of the picture are smaller than two cells of the noise.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.noise.arithmetic import LUMA, luma

SEARCH_SIZE, SMALLEST = 256, 26  # longer side of the copy, and side of the smallest face, in pixels
SCALE_STEP = 1.2
MARGIN = 0.15  # of a box's side: boxes reach from the brows to the mouth
SKIN_CB, SKIN_CR = (77 / 255, 127 / 255), (133 / 255, 173 / 255)  # BT.601 chroma of human skin of any tone, Chai and Ngan 1999


def people(image_01: Tensor) -> Tensor:
    """Faces, and skin in pictures that have a face.

    Args:
        image_01: (B, 3, S, S) in [0, 1].

    Returns:
        (B, 1, S, S), 1 where there is one, else 0; on the device of `image_01`.
    """
    faces = torch.stack([_faces(one) for one in image_01]).to(image_01)
    return torch.maximum(faces, _of_skin_colour(image_01) * faces.amax((1, 2, 3), keepdim=True))


def _faces(image_01: Tensor) -> Tensor:
    """(3, S, S) -> (1, S, S), 1 in the boxes of faces."""
    side = image_01.shape[-1]
    small = F.interpolate(image_01[None], (SEARCH_SIZE, SEARCH_SIZE), mode="bilinear", antialias=True, align_corners=False)[0]
    pixels: npt.NDArray[np.uint8] = (small * 255).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().cpu().numpy()
    found = torch.zeros(1, side, side)
    for box in _cascade().detect_multi_scale(
        img=pixels, scale_factor=SCALE_STEP, step_ratio=1, min_size=(SMALLEST, SMALLEST), max_size=(SEARCH_SIZE, SEARCH_SIZE)
    ):
        top, bottom = (side * (box["r"] + share * box["height"]) / SEARCH_SIZE for share in (-MARGIN, 1 + MARGIN))
        left, right = (side * (box["c"] + share * box["width"]) / SEARCH_SIZE for share in (-MARGIN, 1 + MARGIN))
        found[:, max(0, int(top)) : int(bottom), max(0, int(left)) : int(right)] = 1
    return found


@cache
def _cascade() -> Any:
    """Loaded at the first picture: importing scikit-image takes a while."""
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())


def _of_skin_colour(image_01: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 1, H, W): 1 where the colour is one that skin has, else 0."""
    grey = luma(image_01)
    cb = 0.5 + (image_01[:, 2:] - grey) / (2 - 2 * LUMA[2])
    cr = 0.5 + (image_01[:, :1] - grey) / (2 - 2 * LUMA[0])
    return ((cb >= SKIN_CB[0]) & (cb <= SKIN_CB[1]) & (cr >= SKIN_CR[0]) & (cr <= SKIN_CR[1])).to(image_01.dtype)

"""How much of its amplitude a tile may have at each place of a picture, so that nobody sees it.

The limit is a difference of colour as the eye resolves it (`noise/eye.py`): the same noise shows on one colour and not on another, and in
a file of 12 megapixels its cells are large enough for anyone. And it is a limit for foliage: on a smooth surface the eye finds a faint
pattern at once that it never finds in detail, and there a part of it is allowed (the noise visibility function of watermarking, after
Voloshynovskiy et al. 1999). Networks find it in both: what counts for them is the pattern against the detail at the same place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.core.constants import FloatArray
from unseg_cli.noise.arithmetic import luma
from unseg_cli.noise.eye import resolved, strongest, visible_difference

SMOOTH = 0.25  # share of the limit on a smooth surface
DETAILED = 18 / 255  # standard deviation of luma, as a fraction of full intensity, from which on the whole limit counts
AROUND = 5  # steps of two pixels of the generator's frame: cells reach over edges, and a share that follows every detail would be one


def hidden_share(frame_01: Tensor, tile: FloatArray, *, epsilon: float, scale: float, limit: float) -> Tensor:
    """The share of the amplitude that stays under the limit.

    Args:
        frame_01: (3, S, S) in [0, 1], S even: the picture as the generator looks at it.
        tile: (n, n, 3) in [-1, 1].
        epsilon: what the tile is multiplied with, as a fraction of full intensity.
        scale: side of a pixel of the tile in pixels of the picture's file.
        limit: the largest difference, see `visible_difference`.

    Returns:
        (1, S / 2, S / 2) in [0, 1].
    """
    changes = torch.from_numpy(tile).permute(2, 0, 1).to(frame_01) * epsilon
    colours = F.avg_pool2d(frame_01[None], 2)
    allowed = limit * (SMOOTH + (1 - SMOOTH) * (_detail(frame_01[None]) / DETAILED).clamp(max=1))
    share = (allowed / visible_difference(colours, strongest(resolved(changes, scale))).clamp(min=1e-6)).clamp(max=1)
    return _average(_lowest(share))[0]


def _detail(image_01: Tensor) -> Tensor:
    """(B, 3, S, S) -> (B, 1, S / 2, S / 2): the local standard deviation of luma, eroded: beside a lone edge, as of a roof against the sky,
    the sky is smooth."""
    grey = luma(image_01).contiguous()
    mean, square = (_average(F.avg_pool2d(plane, 2)) for plane in (grey, grey * grey))
    # float32 leaves a variance of about 1e-7 on a white surface, which is far under DETAILED
    return _average(_lowest((square - mean * mean).clamp(min=0).sqrt()))


def _lowest(plane: Tensor) -> Tensor:
    return -F.max_pool2d(-plane, AROUND, stride=1, padding=AROUND // 2)


def _average(plane: Tensor) -> Tensor:
    return F.avg_pool2d(plane, AROUND, stride=1, padding=AROUND // 2, count_include_pad=False)

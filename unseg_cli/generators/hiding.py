"""How much of its amplitude a tile may have at each place of a picture, so that nobody sees it.

The limit is a difference of colour as the eye resolves it (`noise/eye.py`): the same noise shows on one colour and not on another, and in
a file of 12 megapixels its cells are large enough for anyone. Elsewhere the noise has all that its budget allows.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.core.constants import FloatArray
from unseg_cli.noise.eye import resolved, strongest, visible_difference

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
    share = (limit / visible_difference(colours, strongest(resolved(changes, scale))).clamp(min=1e-6)).clamp(max=1)
    lowest = -F.max_pool2d(-share, AROUND, stride=1, padding=AROUND // 2)
    return F.avg_pool2d(lowest, AROUND, stride=1, padding=AROUND // 2, count_include_pad=False)[0]

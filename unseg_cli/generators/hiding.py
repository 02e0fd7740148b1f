"""How much of its amplitude a tile may have at each place of a picture, so that nobody sees it.

The limit is a difference of colour as the eye resolves it (`noise/eye.py`): the same noise shows on one colour and not on another, and in
a file of 12 megapixels its cells are large enough for anyone. Elsewhere the noise has all that its budget allows.

Photographs are also looked at closely, at 200 %, and on a smooth surface the eye finds a faint pattern at once that it never finds in
detail (the noise visibility function of watermarking, after Voloshynovskiy et al. 1999). Networks find it in both: what counts for them is
the pattern against the detail at the same place.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.core.constants import FloatArray
from unseg_cli.noise.arithmetic import luma
from unseg_cli.noise.eye import PIXELS_PER_DEGREE, resolved, strongest, visible_difference

ENLARGED = 2.0  # of a picture that is looked at closely
CLOSELY = 1.9  # times the limit there, in detail: it is twice as large, and colour is resolved that was not before
SMOOTH = 0.2  # share of that on a smooth surface
GRAINY, DETAILED = 3 / 255, 18 / 255  # standard deviations of luma, as fractions of full intensity, where surfaces end and detail begins
LIGHT_AND_DARK = 3.0  # so many times as plain as one of colour is a pattern of brightness of the same difference, by eye
AROUND = 5  # steps of two pixels of the generator's frame: cells reach over edges, and a share that follows every detail would be one


def hidden_share(frame_01: Tensor, tile: FloatArray, *, epsilon: float, scale: float, limit: float, closely: bool) -> Tensor:
    """The share of the amplitude that stays under the limit.

    Args:
        frame_01: (3, S, S) in [0, 1], S even: the picture as the generator looks at it.
        tile: (n, n, 3) in [-1, 1].
        epsilon: what the tile is multiplied with, as a fraction of full intensity.
        scale: side of a pixel of the tile in pixels of the picture's file.
        limit: the largest difference at 100 %, see `visible_difference`.
        closely: whether it must not be found at 200 %, either.

    Returns:
        (1, S / 2, S / 2) in [0, 1].
    """
    changes = torch.from_numpy(tile).permute(2, 0, 1).to(frame_01) * epsilon
    colours = F.avg_pool2d(frame_01[None], 2)
    amplitude = changes.abs().amax((1, 2))
    share = limit / visible_difference(colours, strongest(resolved(changes, scale)), amplitude).clamp(min=1e-6)
    if closely:
        fine, coarse = strongest(resolved(changes, scale, pixels_per_degree=PIXELS_PER_DEGREE / ENLARGED)).unbind(1)
        large = torch.stack([LIGHT_AND_DARK * fine, coarse], 1)
        seen = visible_difference(colours, large, amplitude)
        allowed = CLOSELY * limit * (SMOOTH + (1 - SMOOTH) * ((_detail(frame_01[None]) - GRAINY) / (DETAILED - GRAINY)).clamp(0, 1))
        share = torch.minimum(share, allowed / seen.clamp(min=1e-6))
    return _average(_lowest(share.clamp(max=1)))[0]


def _detail(image_01: Tensor) -> Tensor:
    """The local standard deviation of luma: (B, 3, S, S) -> (B, 1, S / 2, S / 2).

    It is eroded: beside a lone edge, as of a roof against the sky, the sky is smooth.
    """
    grey = luma(image_01).contiguous()
    mean, square = (_average(F.avg_pool2d(plane, 2)) for plane in (grey, grey * grey))
    # float32 leaves a variance of about 1e-7 on a white surface, which is far under DETAILED
    return _average(_lowest((square - mean * mean).clamp(min=0).sqrt()))


def _lowest(plane: Tensor) -> Tensor:
    return -F.max_pool2d(-plane, AROUND, stride=1, padding=AROUND // 2)


def _average(plane: Tensor) -> Tensor:
    return F.avg_pool2d(plane, AROUND, stride=1, padding=AROUND // 2, count_include_pad=False)

"""Where a picture hides noise: the noise visibility function of watermarking, after Voloshynovskiy et al. 1999, and people.

The eye finds a faint pattern on a sky at once and not at all in foliage. A network finds it in both: what counts for it is the pattern
against the picture's own detail at the same place. So smooth places get less of the budget, and the drop hardly suffers. Faces are not
smooth, but they are what people look at, and everybody knows their colour: they get less, too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.generators.faces import people
from unseg_cli.noise.arithmetic import luma, without_colour

FLOOR = 0.3  # share of the budget on a smooth surface
FULL = 18 / 255  # standard deviation of luma, as a fraction of full intensity, that takes the whole budget
WINDOW, EROSION = 5, 5  # in steps of two pixels of the generator's frame
PEOPLE = 0.4  # share of the budget of red and green on faces and skin
PEOPLE_BLUE = 0.8  # and of blue, which the eye resolves worse, and which gives a tenth of the brightness
GREY_COLOUR = 0.5  # share of that, of red and blue on a grey picture, where any colour is seen
PEOPLE_WINDOW = 9  # in steps of two pixels: a soft edge


def visibility_weight(image_01: Tensor) -> Tensor:
    """Share of the budget that each place takes without its being seen.

    The local standard deviation of luma, eroded: beside a lone edge, as of a roof against the sky, the sky counts as smooth.

    Args:
        image_01: (B, 3, S, S) in [0, 1], S even.

    Returns:
        (B, 3, S / 2, S / 2) in [0, 1], for each channel.
    """
    grey = luma(image_01).contiguous()
    mean, square = (_average(F.avg_pool2d(plane, 2), WINDOW) for plane in (grey, grey * grey))
    # float32 leaves a variance of about 1e-7 on a white surface, which is far under FULL
    activity = (square - mean * mean).clamp(min=0).sqrt()
    eroded = -F.max_pool2d(-activity, EROSION, stride=1, padding=EROSION // 2)
    hidden = FLOOR + (1 - FLOOR) * (_average(eroded, EROSION) / FULL).clamp(max=1)
    looked_at = _average(F.avg_pool2d(people(image_01), 2), PEOPLE_WINDOW)
    shares = image_01.new_tensor([PEOPLE, PEOPLE, PEOPLE_BLUE]).view(1, 3, 1, 1)
    grey_shares = image_01.new_tensor([GREY_COLOUR, 1, GREY_COLOUR]).view(1, 3, 1, 1)
    weight = hidden + (shares - hidden) * looked_at
    return torch.where(without_colour(image_01).view(-1, 1, 1, 1), weight * grey_shares, weight)


def _average(plane: Tensor, window: int) -> Tensor:
    return F.avg_pool2d(plane, window, stride=1, padding=window // 2, count_include_pad=False)

"""Stored crops: the attacker keeps a part of every picture, enlarged, so that the noise has other sizes than it was made for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from unseg_cli.bench.countermeasures.base import Countermeasure
from unseg_cli.bench.examples import Target
from unseg_cli.core.constants import U8Array

CROP_SEED = 2025
SIDE_FROM, SIDE_TO = 0.5, 0.8  # of the crop, as a share of the picture's


@dataclass(frozen=True, kw_only=True)
class CropAndScale(Countermeasure):
    """Each training picture is replaced, once, by a random crop of 50 to 80 % of each side, resized back to the picture's size.

    The picture bilinear, its label map nearest. Unlike the crops of an augmentation it is the same in every epoch, and at the picture's
    original size: what lies outside of it is never seen.
    """

    moves: bool = True

    def store(self, image: U8Array, target: Target, number: int) -> tuple[U8Array, Target]:
        """See `Countermeasure`."""
        height, width = image.shape[:2]
        box = crop_box(height, width, number)
        picture = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR, box=box)
        return np.asarray(picture), target.resized((height, width), box)


def crop_box(height: int, width: int, number: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a picture's crop, in whole pixels; `number` is all that it is drawn from."""
    side, down, right = np.random.default_rng((CROP_SEED, number)).random(3)
    share = SIDE_FROM + (SIDE_TO - SIDE_FROM) * side
    rows, columns = (max(1, round(share * length)) for length in (height, width))
    top, left = round(down * (height - rows)), round(right * (width - columns))
    return left, top, left + columns, top + rows

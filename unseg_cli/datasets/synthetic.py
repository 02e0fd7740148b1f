"""Pictures of coloured blobs on clutter with their masks: for smoke tests, not for claims."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Pair = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]


def synthetic_pairs(count: int, size: int, seed: int) -> list[Pair]:
    """`count` pairs of image (size, size, 3) and mask (size, size).

    The object is an ellipse or polygon of a warm colour on cold clutter: learnable in seconds, yet not by a threshold on one channel.
    """
    return [_pair(size, np.random.default_rng((seed, i))) for i in range(count)]


def _pair(size: int, rng: np.random.Generator) -> Pair:
    noise = rng.integers(0, 256, (size // 8 + 1, size // 8 + 1, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC)
    mask = Image.new("1", (size, size))
    draw = ImageDraw.Draw(mask)
    cx, cy = rng.uniform(0.3, 0.7, 2) * size
    rx, ry = rng.uniform(0.12, 0.3, 2) * size
    if rng.random() < 0.5:
        draw.ellipse((cx - rx, cy - ry, cx + rx, cy + ry), fill=1)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
        draw.polygon([(cx + rx * np.cos(a), cy + ry * np.sin(a)) for a in angles], fill=1)
    if not mask.getbbox():
        draw.ellipse((cx - rx, cy - ry, cx + rx, cy + ry), fill=1)
    warm = np.clip(np.array([190, 120, 70]) + rng.normal(0, 25, 3), 0, 255).astype(np.uint8)
    grain = np.clip(warm + rng.normal(0, 18, (size, size, 3)), 0, 255).astype(np.uint8)
    picture = Image.blend(picture, Image.new("RGB", picture.size, (70, 100, 140)), 0.45)
    picture.paste(Image.fromarray(grain), mask=mask.convert("L"))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.6))), np.asarray(mask.convert("L")) > 127

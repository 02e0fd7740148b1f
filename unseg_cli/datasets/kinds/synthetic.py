"""Pictures of coloured blobs on clutter with their masks: for smoke tests, not for claims."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from unseg_cli.core.constants import BoolArray, U8Array
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import Sample, Truth
from unseg_cli.datasets.training_set import TrainingSet, objects
from unseg_cli.pictures.picture import Space

SYNTHETIC = "synthetic"
SIDE = 96
TRAIN_PICTURES, TEST_PICTURES = 96, 24
GENERATOR_PICTURES = 64


@dataclass(frozen=True)
class SyntheticSource:
    """Picture `index` of the series `seed`, drawn when it is asked for."""

    seed: int
    index: int
    size: int = SIDE

    def pixels(self) -> tuple[U8Array, Space]:
        """(size, size, 3) uint8."""
        return _drawn(self.size, self.seed, self.index)[0], "rgb"

    def truth(self) -> Truth:
        """Label 1 on the object."""
        return Truth(labels=_drawn(self.size, self.seed, self.index)[1].astype(np.uint8))

    def __str__(self) -> str:
        return f"{SYNTHETIC} {self.seed}/{self.index}"


def open_synthetic() -> TrainingSet:
    """Pictures for training a generator."""
    return TrainingSet(samples=_series(GENERATOR_PICTURES, seed=0), choose=objects, salient=True)


def open_labelled_synthetic(limit: int | None) -> LabelledData:
    """A benchmark's smoke test, at most `limit` pictures of each split."""
    return LabelledData(
        name=SYNTHETIC,
        task="binary",
        classes=("background", "foreground"),
        ids=(0, 1),
        things=None,
        train=_series(min(TRAIN_PICTURES, limit or TRAIN_PICTURES), seed=1),
        test=_series(min(TEST_PICTURES, limit or TEST_PICTURES), seed=2),
        smoke_test=True,
    )


def _series(count: int, seed: int) -> tuple[Sample, ...]:
    sources = [SyntheticSource(seed, index) for index in range(count)]
    return tuple(Sample(id=f"{source.index:03}", image=source, truth=source.truth) for source in sources)


def synthetic_pairs(count: int, size: int, seed: int) -> list[tuple[U8Array, BoolArray]]:
    """`count` pairs of image (size, size, 3) and mask (size, size).

    The object is an ellipse or polygon of a warm colour on cold clutter: learnable in seconds, yet not by a threshold on one channel.
    """
    return [_drawn(size, seed, i) for i in range(count)]


@lru_cache(maxsize=256)
def _drawn(size: int, seed: int, index: int) -> tuple[U8Array, BoolArray]:
    rng = np.random.default_rng((seed, index))
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
    image, region = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.6))), np.asarray(mask.convert("L")) > 127
    region.setflags(write=False)  # kept for the next who asks
    return image, region

"""Countermeasures: what an attacker may do to pictures, before or while training on them, to get rid of a protection.

Every function takes and gives (H, W, 3) uint8. A countermeasure is applied to the training pictures of every condition, clean ones too, at
their original size and before they are resized for training, so that its own cost to the victim is not booked as protection.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from PIL import Image, ImageFilter

from unseg_cli.bench.examples import Batch
from unseg_cli.core.constants import U8Array
from unseg_cli.core.errors import UsageProblem, did_you_mean

BIT_DEPTH = 4
DENOISE_RADIUS, DENOISE_STRIDE, DENOISE_SIGMA_SPACE, DENOISE_SIGMA_COLOUR = 6, 2, 4.0, 24.0


class Countermeasure(Protocol):
    """Something an attacker does against a protection.

    Attributes:
        name: what users call it.
        also_test: True where the victim would see its test pictures through the same step (a network trained in grey is used in grey).
    """

    @property
    def name(self) -> str:
        """What users call it."""
        ...

    @property
    def also_test(self) -> bool:
        """Whether test pictures go through `picture`, too."""
        ...

    def picture(self, image: U8Array) -> U8Array:
        """A picture at its original size before it is trained on, (H, W, 3) uint8 -> the same; called by several threads at once."""
        ...

    def batch(self, batch: Batch, draw: torch.Generator) -> Batch:
        """A batch while a victim is trained, after flips and crops; `draw` is the training's own source of random numbers, on the CPU."""
        ...


@dataclass(frozen=True, kw_only=True)
class PictureStep:
    """A countermeasure that changes pictures once, before training.

    Attributes:
        name, also_test: see `Countermeasure`.
        apply: (H, W, 3) uint8 -> same.
    """

    name: str
    apply: Callable[[U8Array], U8Array]
    also_test: bool = False

    def picture(self, image: U8Array) -> U8Array:
        """See `Countermeasure`."""
        return self.apply(image)

    def batch(self, batch: Batch, draw: torch.Generator) -> Batch:
        """Nothing more is done."""
        return batch


def gray(image: U8Array) -> U8Array:
    """Luma on all three channels."""
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB"))


def jpeg(image: U8Array, quality: int) -> U8Array:
    """Write as JPEG with 4:2:0 chroma and read again."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(buffer).convert("RGB"))


def blur(image: U8Array) -> U8Array:
    """Gaussian blur, sigma 1.5 pixels."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1.5)))


def bitdepth(image: U8Array) -> U8Array:
    """Round to 16 levels a channel: steps of 17, twice the usual budget."""
    levels = 2**BIT_DEPTH - 1
    return np.rint(np.rint(image * np.float32(levels / 255)) * np.float32(255 / levels)).astype(np.uint8)


def resize(image: U8Array) -> U8Array:
    """Halve and double again, bilinear with antialiasing."""
    picture = Image.fromarray(image)
    half = (max(1, picture.width // 2), max(1, picture.height // 2))
    return np.asarray(picture.resize(half, Image.Resampling.BILINEAR).resize(picture.size, Image.Resampling.BILINEAR))


def denoise(image: U8Array) -> U8Array:
    """Bilateral filter: averages over 13 x 13 pixels of like colour, so that weak texture goes and edges stay."""
    radius = DENOISE_RADIUS
    padded = np.pad(
        image.astype(np.float32), ((radius, radius), (radius, radius), (0, 0)), mode="reflect" if min(image.shape[:2]) > radius else "edge"
    )
    height, width = image.shape[:2]
    centre = padded[radius : radius + height, radius : radius + width]
    total, weights = np.zeros_like(centre), np.zeros((height, width, 1), np.float32)
    for dy in range(-radius, radius + 1, DENOISE_STRIDE):
        for dx in range(-radius, radius + 1, DENOISE_STRIDE):
            other = padded[radius + dy : radius + dy + height, radius + dx : radius + dx + width]
            distance = ((other - centre) ** 2).sum(2, keepdims=True)
            weight = np.exp(-distance / (2 * DENOISE_SIGMA_COLOUR**2) - (dx * dx + dy * dy) / (2 * DENOISE_SIGMA_SPACE**2))
            total += weight * other
            weights += weight
    return np.rint(total / weights).astype(np.uint8)


COUNTERMEASURES: dict[str, Countermeasure] = {
    step.name: step
    for step in (
        PictureStep(name="none", apply=lambda image: image),
        PictureStep(name="gray", apply=gray, also_test=True),
        PictureStep(name="jpeg75", apply=lambda image: jpeg(image, 75)),
        PictureStep(name="jpeg10", apply=lambda image: jpeg(image, 10)),
        PictureStep(name="blur", apply=blur),
        PictureStep(name="bitdepth", apply=bitdepth),
        PictureStep(name="resize", apply=resize),
        PictureStep(name="denoise", apply=denoise),
    )
}


def find_countermeasure(name: str) -> Countermeasure:
    """Look one up.

    Raises:
        UsageProblem: there is none of that name.
    """
    if name not in COUNTERMEASURES:
        raise UsageProblem(f"--defences {name!r} is not known", hint=did_you_mean(name, list(COUNTERMEASURES)))
    return COUNTERMEASURES[name]

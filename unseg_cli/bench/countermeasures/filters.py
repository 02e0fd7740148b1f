"""Filters: every function takes and gives (H, W, 3) uint8."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from unseg_cli.core.constants import U8Array

BIT_DEPTH = 4
DENOISE_RADIUS, DENOISE_STRIDE, DENOISE_SIGMA_SPACE, DENOISE_SIGMA_COLOUR = 6, 2, 4.0, 24.0


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

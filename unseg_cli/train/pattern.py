"""The pattern stage: a tile that a pretrained network's first features cannot overlook, at any size, and an eye can.

What a victim adopts in its first hundred steps is what its pretrained features tell from pictures at once. That is measured by Fisher's
criterion (1936) of the features with the noise and without it: the squared distance of their means in the pooled covariance. It can be
differentiated, and costs a pass through half of a small network: minutes, where the bilevel loop takes hours. Pictures are shown at half to
twice their size, in colour and in grey, as attackers' augmentation and defences show them. What an eye resolves of the tile is a penalty.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unseg_cli.models.lite.noise_head import LiteNoiseHead
from unseg_cli.noise.arithmetic import luma
from unseg_cli.noise.eye import BRIGHTNESS, resolved
from unseg_cli.train.config import PatternSettings

ZOOMS = (0.5, 0.7, 1.0, 1.4, 2.0)  # in turn, so that each counts as much
WEIGHTS = (1.0, 0.5)  # of the features at strides 8 and 16
LEAST = 0.1  # added to a contrast before its logarithm: the least readable size counts most, but not without end
RIDGE = 0.02  # share of the mean variance added to each feature's own: thousands of positions for a hundred features
BRIGHT, COLOURFUL = 1.3, 3.0  # CIEDE2000 of a change of 4/255 in brightness, and in colour, on a middling colour
USUAL_SCALE = 2.0  # pixels of a file for each of the tile


def pattern_step(
    head: LiteNoiseHead, backbone: nn.Module, image_01: Tensor, settings: PatternSettings, step: int, rng: torch.Generator
) -> Tensor:
    """The loss of one step, in which the tile for objects learns, and every fifth the one for objects of grey pictures.

    Args:
        head: whose tiles learn.
        backbone: a pretrained network, frozen; its first two feature maps are read.
        image_01: (B, 3, S, S) in [0, 1].
        settings: see `PatternSettings`.
        step: chooses the zoom.
        rng: on the CPU.
    """
    zoom = ZOOMS[step % len(ZOOMS)]
    pictures = _part(image_01, zoom, rng)
    tile, for_grey = head.planes[0], head.planes[2]
    loss = settings.seen * (seen(tile, settings.epsilon) + seen(for_grey, settings.epsilon))
    loss = loss - readable(backbone, pictures, _drawn(tile, head.spec.tile_pitch, pictures, zoom, rng), settings.epsilon, zoom)
    if settings.grey:
        pictures = luma(pictures).expand_as(pictures)
        for plane in (tile, for_grey):
            noise = luma(_drawn(plane, head.spec.tile_pitch, pictures, zoom, rng)).expand_as(pictures)
            loss = loss - settings.grey * readable(backbone, pictures, noise, settings.epsilon, zoom)
    return loss


def readable(backbone: nn.Module, pictures: Tensor, noise: Tensor, epsilon: float, zoom: float) -> Tensor:
    """Weighted sum of the logarithms of Fisher's criterion over the feature maps.

    Args:
        backbone: see `pattern_step`.
        pictures: (B, 3, S, S) in [0, 1].
        noise: the same shape, in [-1, 1].
        epsilon: its amplitude.
        zoom: below 1, both are shrunk together before the network sees them.
    """
    clean, noisy = (_features(backbone, shown, zoom) for shown in (pictures, (pictures + epsilon * noise).clamp(0, 1)))
    return sum(  # type: ignore[return-value]
        weight * (contrast(before.detach(), after) + LEAST).log() for weight, before, after in zip(WEIGHTS, clean, noisy, strict=False)
    )


def contrast(clean: Tensor, noisy: Tensor) -> Tensor:
    """Fisher's criterion of two feature maps (B, C, h, w): the squared distance of the means in the pooled covariance."""
    before, after = (found.float().permute(0, 2, 3, 1).flatten(0, 2) for found in (clean, noisy))
    distance = after.mean(0) - before.mean(0)
    pooled = (torch.cov(before.T) + torch.cov(after.T)) / 2
    pooled = pooled + RIDGE * pooled.diagonal().mean() * torch.eye(len(pooled), device=pooled.device)
    return distance @ torch.linalg.solve(pooled, distance)


def seen(tile: Tensor, epsilon: float) -> Tensor:
    """Mean square of the difference that an eye sees of a tile (3, n, n) on a middling colour, in CIEDE2000, about."""
    left = resolved(tile, USUAL_SCALE) * (epsilon * 255 / 4)
    brightness = (left * left.new_tensor(BRIGHTNESS).view(3, 1, 1)).sum(0, keepdim=True)
    return ((BRIGHT * brightness) ** 2 + ((COLOURFUL * (left - brightness)) ** 2).mean(0)).mean()


def _features(backbone: nn.Module, pictures: Tensor, zoom: float) -> list[Tensor]:
    if zoom < 1:
        side = round(pictures.shape[-1] * zoom / 32) * 32
        pictures = F.interpolate(pictures, (side, side), mode="bilinear", antialias=True, align_corners=False)
    found: list[Tensor] = backbone(((pictures - 0.5) / 0.5).contiguous(memory_format=torch.channels_last))
    return found


def _part(image_01: Tensor, zoom: float, rng: torch.Generator) -> Tensor:
    """Zoomed in, a random part of the pictures at the full size; else the pictures as they are."""
    if zoom <= 1:
        return image_01
    size = image_01.shape[-1]
    side = round(size / zoom)
    top, left = torch.randint(0, size - side + 1, (2,), generator=rng).tolist()
    return F.interpolate(image_01[..., top : top + side, left : left + side], (size, size), mode="bilinear", align_corners=False)


def _drawn(tile: Tensor, pitch: int, pictures: Tensor, zoom: float, rng: torch.Generator) -> Tensor:
    """The tile over whole pictures, from a random place on, mirrored half of the time: (1, 3, S, S)."""
    size = pictures.shape[-1]
    down, across = torch.randint(0, tile.shape[-1], (2,), generator=rng).tolist()
    place = (torch.arange(size, device=tile.device) * (pitch / max(zoom, 1.0) / size)).long()
    drawn = tile[:, ((place + down) % tile.shape[-1])[:, None], ((place + across) % tile.shape[-1])[None, :]]
    return (drawn.flip(2) if torch.rand((), generator=rng) < 0.5 else drawn)[None]

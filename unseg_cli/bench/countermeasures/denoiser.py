"""An attacker who has the tool: protects pictures of their own, and trains a network to undo it, on pairs of both.

Noise that is the same in every picture can be learned like anything else. What this costs an attacker is the time of one small training;
what it leaves of a protection is worth knowing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from unseg_cli.bench.countermeasures.base import Countermeasure, Pair
from unseg_cli.core.constants import U8Array

#: Channels at the picture's own size, at half and at a quarter of it.
WIDTHS = (16, 32, 64)
#: Crops of so many pixels, at the scale that the files have, and how many of each picture are kept in memory.
CROP, CROPS, BATCH = 96, 32, 8
STEPS, LR = 800, 2e-3
#: Pixels around each whose mean is taken off, and what the rest is multiplied with: noise is faint beside what pictures show.
NEIGHBOURS, GAIN = 17, 16.0
#: In the unit of the network's answers: they are about 1.
STRONG = 8 / 255
#: Of the crops so many are of clean pictures, which are to be left alone.
CLEAN_SHARE = 0.1
#: Pictures are denoised in tiles of this side, which overlap by the margin: memory does not grow with the picture.
TILE, MARGIN = 512, 32


class DenoisingNetwork(nn.Module):
    """A small U-Net that tells the noise of a picture from its content."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.first = _convolutions(6, fine)
        self.second = _convolutions(fine, middle)
        self.third = _convolutions(middle, coarse)
        self.join_middle = _convolutions(coarse + middle, middle)
        self.join_fine = _convolutions(middle + fine, fine)
        self.noise = nn.Conv2d(fine, 3, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1], sides multiples of four -> the same without noise."""
        around = F.avg_pool2d(F.pad(pictures, (NEIGHBOURS // 2,) * 4, mode="replicate"), NEIGHBOURS, 1)
        fine = self.first(torch.cat([pictures - 0.5, (pictures - around) * GAIN], 1))
        middle = self.second(F.avg_pool2d(fine, 2))
        coarse = self.third(F.avg_pool2d(middle, 2))
        middle = self.join_middle(torch.cat([F.interpolate(coarse, scale_factor=2), middle], 1))
        fine = self.join_fine(torch.cat([F.interpolate(middle, scale_factor=2), fine], 1))
        return pictures - self.noise(fine) * STRONG


@dataclass(frozen=True, kw_only=True)
class Denoiser(Countermeasure):
    """Takes pictures through a network that has learned from pairs.

    Attributes:
        network: after `learned`.
    """

    learns: bool = True
    network: DenoisingNetwork | None = None

    def learned(self, pairs: Iterable[Pair]) -> Denoiser:
        """See `Countermeasure`; torch's own random numbers are left alone."""
        draw = np.random.default_rng(0)
        crops = [crop for pair in pairs for crop in _crops(pair, draw)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = DenoisingNetwork().to(memory_format=torch.channels_last).train()
            optimizer = torch.optim.AdamW(network.parameters(), LR)
            rate = OneCycleLR(optimizer, LR, total_steps=STEPS)
            for _ in range(STEPS):
                chosen = [crops[number] for number in draw.integers(len(crops), size=BATCH)]
                seen = [pair.clean if draw.random() < CLEAN_SHARE else pair.changed for pair in chosen]
                loss = F.l1_loss(network(_tensor(seen)), _tensor([pair.clean for pair in chosen]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                rate.step()
        return replace(self, network=network.eval().requires_grad_(False))

    def picture(self, image: U8Array) -> U8Array:
        """See `Countermeasure`.

        Raises:
            ValueError: it has not learned yet.
        """
        if self.network is None:
            raise ValueError("the denoiser has to learn from pairs first")
        out = np.empty_like(image)
        for top in range(0, image.shape[0], TILE):
            for left in range(0, image.shape[1], TILE):
                out[top : top + TILE, left : left + TILE] = _tile(self.network, image, top, left)
        return out


def _tile(network: DenoisingNetwork, image: U8Array, top: int, left: int) -> U8Array:
    """One tile of a picture, denoised together with what lies around it."""
    above, before = min(top, MARGIN), min(left, MARGIN)
    part = image[top - above : top + TILE + MARGIN, left - before : left + TILE + MARGIN]
    height, width = part.shape[:2]
    padded = np.pad(part, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    with torch.no_grad():
        made = network(_tensor([padded]))[0].permute(1, 2, 0).mul(255).round().clamp(0, 255).to(torch.uint8).numpy()
    return made[above : min(above + TILE, height), before : min(before + TILE, width)]


def _crops(pair: Pair, draw: np.random.Generator) -> Iterator[Pair]:
    """`CROPS` places of a pair."""
    for _ in range(CROPS):
        top, left = (int(draw.integers(max(1, length - CROP + 1))) for length in pair.clean.shape[:2])
        clean, changed = (_filled(picture[top : top + CROP, left : left + CROP]) for picture in pair)
        yield Pair(clean, changed)


def _filled(crop: U8Array) -> U8Array:
    """A crop of a picture smaller than `CROP`, with its edges repeated."""
    height, width = crop.shape[:2]
    return np.pad(crop, ((0, CROP - height), (0, CROP - width), (0, 0)), mode="edge")


def _tensor(pictures: Sequence[U8Array]) -> Tensor:
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    return batch.contiguous(memory_format=torch.channels_last)


def _convolutions(inputs: int, outputs: int) -> nn.Sequential:
    """Two of them."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)

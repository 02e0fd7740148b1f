#!/usr/bin/env python3
"""Rank noise patterns in seconds, before a victim is trained: how well do a pretrained network's features tell them from pictures?

    python scripts/pattern_contrast.py --data ../shared/data/ecssd --size 96 magenta:check@20 gray:stripes@64

For each pattern, written as for explore_noise.py, pictures with the pattern all over (8/255, at their original size, rounded, then resized
to --size) are compared with the same pictures without it. The contrast is Fisher's criterion of the features at each position: the squared
distance of the two means, measured in the pooled covariance (Fisher 1936). A victim learns first what has a high contrast. It says little
about luma against colour: of patterns of one colour it ranks the cells as victims do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import timm
import torch
from explore_noise import NAMES, layer
from torch import Tensor

from unseg_cli.bench.preparation.work import to_size
from unseg_cli.bench.victims.base import ENCODER, LITE0
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.datasets.sample import read_image
from unseg_cli.models.imagenet import load_imagenet_lite0
from unseg_cli.noise.arithmetic import apply_noise
from unseg_cli.noise.closed_form import tiled

STRIDES = (4, 8, 16)
RIDGE = 0.02  # share of the mean variance added to every feature's own: thousands of positions for a hundred features


def encoder() -> torch.nn.Module:
    """The pretrained network, which gives a map of features at each of `STRIDES`."""
    network = timm.create_model(ENCODER, features_only=True, pretrained=False, out_indices=(1, 2, 3))
    load_imagenet_lite0(network)
    return network.eval()


def feature_maps(network: torch.nn.Module, pictures: list[U8Array]) -> list[Tensor]:
    """(pictures, h, w, channels) at each of `STRIDES`, of pictures of one size, (H, W, 3)."""
    with torch.no_grad():
        maps = network(LITE0(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255))
    return [found.permute(0, 2, 3, 1) for found in maps]


def features(network: torch.nn.Module, pictures: list[U8Array], size: int) -> list[Tensor]:
    """(positions, channels) at each of `STRIDES`, of pictures resized to a square."""
    return [found.flatten(0, 2) for found in feature_maps(network, [to_size(picture, (size, size)) for picture in pictures])]


def contrast(clean: Tensor, noisy: Tensor) -> float:
    """Fisher's criterion of two sets of (positions, channels)."""
    distance = noisy.mean(0) - clean.mean(0)
    pooled = (torch.cov(clean.T) + torch.cov(noisy.T)) / 2
    pooled += RIDGE * pooled.diagonal().mean() * torch.eye(len(pooled))
    return float(distance @ torch.linalg.solve(pooled, distance))


def with_pattern(picture: U8Array, tile: FloatArray, cells: float, rng: np.random.Generator) -> U8Array:
    """The picture under the pattern, which begins anywhere."""
    shifted = np.roll(tile, tuple(rng.integers(0, len(tile), 2)), (0, 1))
    everywhere = np.ones(picture.shape[:2], np.bool_)
    return apply_noise(picture, tiled(shifted, picture.shape[:2], cells), everywhere, NoiseBudget(8 / 255, 8 / 255)).astype(np.uint8)


def main() -> None:
    """Print a table, the most readable pattern first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="+", help=f"COLOUR:TILE@CELLS, see explore_noise.py ({NAMES})")
    parser.add_argument("--data", required=True)
    parser.add_argument("--size", type=int, default=96, help="side of the victim's training pictures (96)")
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--out", type=Path, help="also write the table there")
    options = parser.parse_args()
    network = encoder()
    pictures = [read_image(sample.image) for sample in open_labelled(options.data, limit=options.pictures).train]
    clean = features(network, pictures, options.size)
    found = []
    for pattern in options.patterns:
        torch.manual_seed(0)
        tile, cells = layer(pattern)
        rng = np.random.default_rng(0)
        noisy = features(network, [with_pattern(picture, tile, cells, rng) for picture in pictures], options.size)
        found.append((pattern, [contrast(a, b) for a, b in zip(clean, noisy, strict=True)]))
    lines = [f"| pattern | {' | '.join(f'stride {stride}' for stride in STRIDES)} |", "|---" * (1 + len(STRIDES)) + "|"]
    for pattern, values in sorted(found, key=lambda entry: -entry[1][1]):  # stride 8 follows the victims best
        lines.append(f"| {pattern} | {' | '.join(f'{value:.2f}' for value in values)} |")
    print("\n".join(lines))
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

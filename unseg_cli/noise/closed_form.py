"""Noise that needs no learning: random noise, the control, and the texture, the closed-form rival of the generator."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import BoolArray, FloatArray


def random_noise(height: int, width: int, rng: np.random.Generator) -> FloatArray:
    """The control: independent uniform noise, (H, W, 3) in [-1, 1]."""
    return rng.uniform(-1, 1, (height, width, 3)).astype(np.float32)


def texture_noise(mask: BoolArray, *, cells_per_side: int = 48, tile_cells: int = 8, seed: int = 0) -> FloatArray:
    """The closed-form rival: one fixed random sign tile, repeated, whose sign flips at the mask edge.

    The grid is relative to the longer side, so that the cells survive whatever size the attacker trains at.

    Args:
        mask: (H, W) foreground mask; + inside, - outside.
        cells_per_side: cells along the longer side.
        tile_cells: the tile is tile_cells x tile_cells cells.
        seed: draws the tile; the same for every picture, or the shortcut would not be shared.

    Returns:
        (H, W, 3) of -1 and 1.
    """
    tile = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), (tile_cells, tile_cells, 3))
    return (tiled(tile, mask.shape, cells_per_side) * np.where(mask, 1.0, -1.0)[..., None]).astype(np.float32)


def tiled(
    tile: npt.NDArray[Any],
    shape: tuple[int, ...],
    cells_per_side: float,
    part: slice = slice(None),
    columns: slice = slice(None),
) -> npt.NDArray[Any]:
    """Repeat a tile over a picture.

    Args:
        tile: (n, n, 3), one entry a cell.
        shape: (H, W) of the picture.
        cells_per_side: cells along the longer side.
        part: the rows that are wanted; by default all.
        columns: likewise.

    Returns:
        (rows, columns, 3), of the tile's type.
    """
    cell = max(shape) / cells_per_side
    down, across = (cells_of(length, cell, which) % len(tile) for which, length in zip((part, columns), shape, strict=False))
    return tile[down[:, None], across[None, :]]


def cells_of(length: int, cell: float, part: slice = slice(None)) -> npt.NDArray[np.int64]:
    """For each pixel of a part of a side of so many pixels, which cell of `cell` pixels it lies in, counted from 0."""
    return (np.arange(*part.indices(length)) / cell).astype(np.int64)

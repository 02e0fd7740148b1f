"""Noise for a picture at its own size, row by row: a small map and its enlargement, never all of it at once.

The noise of a 200-megapixel picture as one array would take 2.4 GB. Rows come out the same whether they are asked for one by one or all at
once, on any number of threads. (torch's own bilinear interpolation takes another kernel on one thread than on several; these are the bits
of the latter.)
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from unseg_cli.core.constants import FloatArray


class Rows(Protocol):
    """Noise of one picture.

    Attributes:
        size: (H, W) of the picture.
    """

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        ...

    def rows(self, part: slice) -> FloatArray:
        """The rows of `part`, a slice without a step: (rows, W, 3) in [-1, 1]."""
        ...


class Enlarged:
    """A small map, enlarged (or shrunk) bilinearly to any size, of which rows are computed when they are asked for.

    Args:
        small: (C, h, w) on any device.
        size: (H, W) of the result.
    """

    def __init__(self, small: Tensor, size: tuple[int, int]) -> None:
        self.small = small.detach().float().cpu()
        self.size = size

    def rows(self, part: slice) -> Tensor:
        """(rows, W, C) float32 of the rows in `part`, a slice without a step."""
        start, stop, _ = part.indices(self.size[0])
        upper, lower, share = (values[start:stop] for values in self._places)
        return _blended(self._wide, upper, lower, share[:, None, None])

    @cached_property
    def _wide(self) -> Tensor:
        """(h, W, C): the map at the full width, still of few rows."""
        left, right, share = _places(self.small.shape[2], self.size[1])
        columns = self.small.permute(2, 1, 0)
        return _blended(columns, left, right, share[:, None, None]).transpose(0, 1).contiguous()

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor, Tensor]:
        return _places(self.small.shape[1], self.size[0])


def _places(count: int, wanted: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each of the `wanted` places of the result the two of `count` places that it lies between, and the share of the second."""
    scale = np.float32(count) / np.float32(wanted)
    place = np.maximum(scale * (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), np.float32(0))
    first = np.minimum(place.astype(np.int64), count - 1)
    second = np.minimum(first + 1, count - 1)
    return torch.from_numpy(first), torch.from_numpy(second), torch.from_numpy((place - first).clip(0, 1).astype(np.float32))


def _blended(values: Tensor, first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    # torch's kernel does it in this order: the second times its share, rounded, then the first times the rest added without rounding.
    return torch.addcmul(values[second] * share, values[first], 1 - share)


class NoiseField:
    """A generator's noise for one picture.

    Args:
        noise: (3, h, w) in [-1, 1], the picture's own part of the generator's map.
        size: (H, W) of the picture.
    """

    def __init__(self, noise: Tensor, size: tuple[int, int]) -> None:
        self._enlarged = Enlarged(noise, size)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self._enlarged.size

    def rows(self, part: slice) -> FloatArray:
        """The rows of `part`, a slice without a step: (rows, W, 3) in [-1, 1]."""
        return self._enlarged.rows(part).numpy()


class ArrayField:
    """Noise that is an array already, such as random noise or the texture rival.

    Args:
        noise: (H, W, 3) in [-1, 1].
    """

    def __init__(self, noise: FloatArray) -> None:
        self._noise = noise

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self._noise.shape[0], self._noise.shape[1]

    def rows(self, part: slice) -> FloatArray:
        """The rows of `part`, a slice without a step: (rows, W, 3) in [-1, 1]."""
        return self._noise[part]

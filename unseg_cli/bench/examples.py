"""What victims are trained on and judged by: the truth of a picture, what a victim says of it, and batches of pictures with their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be predicted of one picture. A task that needs more than a label map adds a field.

    Attributes:
        labels: (H, W) uint8 classes in [0, classes); 255 = void.
    """

    labels: Tensor

    def resized(self, size: tuple[int, int]) -> Target:
        """The same at (height, width): every pixel takes the nearest class. On the CPU."""
        labels = Image.fromarray(self.labels.numpy()).resize((size[1], size[0]), Image.Resampling.NEAREST)
        return Target(labels=torch.from_numpy(np.array(labels)))


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a victim says of one picture, in the form of `Target` and of the same size.

    Attributes:
        labels: (H, W) uint8 classes in [0, classes).
    """

    labels: Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A few pictures with their truth, as victims see them.

    Attributes:
        images: (B, 3, H, W) float32 in [0, 1], channels last, on the victim's device; H and W are multiples of 32.
        targets: of each picture, of the size H x W, on the same device.
    """

    images: Tensor
    targets: tuple[Target, ...]

    @property
    def labels(self) -> Tensor:
        """(B, H, W) int64: the label maps of the targets."""
        return torch.stack([target.labels for target in self.targets]).long()


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Pictures with their truth at the training size, in memory or mapped from disk.

    Attributes:
        images: (N, 3, H, W) uint8, channels last.
        targets: of each picture, of the size H x W.
    """

    images: Tensor
    targets: Sequence[Target]

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> Examples:
        """The first `count` of them."""
        return Examples(images=self.images[:count], targets=self.targets[:count])

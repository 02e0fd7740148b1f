"""A batch of pictures as a generator has seen them: the image encoder runs once, what follows can be repeated."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from unseg_cli.core.constants import U8Array
from unseg_cli.models.protocols import Embedding


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """Pictures with their embedding.

    Attributes:
        images: (H, W, 3) uint8 each; sizes may differ.
        frames: (B, 3, S, S) in [0, 1], on the generator's device.
        embedding: what the image encoder made of `frames`.
    """

    images: tuple[U8Array, ...]
    frames: Tensor
    embedding: Embedding

    def __len__(self) -> int:
        return len(self.images)

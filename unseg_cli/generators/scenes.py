"""A batch of pictures as a generator sees them: the image encoder runs once, when it is first needed; what follows can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from unseg_cli.core.constants import U8Array
from unseg_cli.models.protocols import Embedding


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """Pictures and, for whoever asks, their embedding.

    Attributes:
        images: (H, W, 3) uint8 each; sizes may differ.
        frames: (B, 3, S, S) in [0, 1], on the generator's device.
        embed: the image encoder. Nobody needs it where all masks are given and the noise is made of tiles.
    """

    images: tuple[U8Array, ...]
    frames: Tensor
    embed: Callable[[Tensor], Embedding]

    @cached_property
    def embedding(self) -> Embedding:
        """What the image encoder makes of `frames`: the costly part."""
        with torch.no_grad():
            return self.embed(self.frames)

    def __len__(self) -> int:
        return len(self.images)

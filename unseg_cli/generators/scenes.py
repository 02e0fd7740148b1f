"""A batch of pictures as a generator sees them: the image encoder runs once, when it is first needed; what follows can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unseg_cli.core.constants import FloatArray, U8Array


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """Pictures and, for whoever asks, their embedding.

    Attributes:
        images: (H, W, 3) uint8 each; sizes may differ.
        small: the same, large ones shrunk by a whole factor: as much of them as any network looks at.
        frames: (B, 3, S, S) in [0, 1].
        embed: the image encoder. Nobody needs it where all masks are given and the noise is made of tiles.
    """

    images: tuple[U8Array, ...]
    small: tuple[U8Array, ...]
    frames: FloatArray
    embed: Callable[[FloatArray], Any]

    @cached_property
    def embedding(self) -> Any:
        """What the image encoder makes of `frames`: the costly part."""
        return self.embed(self.frames)

    def __len__(self) -> int:
        return len(self.images)

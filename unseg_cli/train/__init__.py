"""`unseg train`: the bilevel training of a noise generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.train.loop import train

__all__ = [
    "train",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "train": "unseg_cli.train.loop",
    },
)

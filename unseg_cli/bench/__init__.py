"""`unseg bench`: what protection costs those who train on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.bench.run import bench

__all__ = [
    "bench",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "bench": "unseg_cli.bench.run",
    },
)

"""`unseg bench`: what protection costs those who train on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.bench.run import bench
    from unseg_cli.bench.tasks import TASKS
    from unseg_cli.bench.victims.registry import VICTIMS

__all__ = [
    "TASKS",
    "VICTIMS",
    "bench",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "TASKS": "unseg_cli.bench.tasks",
        "VICTIMS": "unseg_cli.bench.victims.registry",
        "bench": "unseg_cli.bench.run",
    },
)

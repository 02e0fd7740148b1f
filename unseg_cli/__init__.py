"""Protect pictures against unauthorised training of segmentation models, and measure how well it works.

`import unseg_cli` costs next to nothing: all else is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.core.budget import NoiseBudget
    from unseg_cli.generators.loading import load_generator
    from unseg_cli.generators.runtimes.choose import open_runtime
    from unseg_cli.generators.session import Session
    from unseg_cli.protect.in_memory import protect_image

__version__ = "0.1.0"
__all__ = ["NoiseBudget", "Session", "__version__", "load_generator", "open_runtime", "protect_image"]

__getattr__, __dir__ = offer(
    __name__,
    {
        "NoiseBudget": "unseg_cli.core.budget",
        "Session": "unseg_cli.generators.session",
        "load_generator": "unseg_cli.generators.loading",
        "open_runtime": "unseg_cli.generators.runtimes.choose",
        "protect_image": "unseg_cli.protect.in_memory",
    },
)

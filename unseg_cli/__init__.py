"""Protect pictures against unauthorised training of segmentation models, and measure how well it works.

`import unseg_cli` costs next to nothing: what needs torch is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unseg_cli.checkpoints import load_generator
    from unseg_cli.config import NoiseBudget
    from unseg_cli.protect import protect_image

__version__ = "0.1.0"
__all__ = ["NoiseBudget", "__version__", "load_generator", "protect_image"]

_HOMES = {"load_generator": "unseg_cli.checkpoints", "protect_image": "unseg_cli.protect", "NoiseBudget": "unseg_cli.config"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])

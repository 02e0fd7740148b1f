"""`unseg detect`: pictures in, masks of their objects out, and a sheet on which their owner can look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.detect.run import detect

__all__ = ["detect"]

__getattr__, __dir__ = offer(__name__, {"detect": "unseg_cli.detect.run"})

"""`unseg ui`: the same as `detect` and `protect`, on a page for those who do not like terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.ui.run import ui

__all__ = ["ui"]

__getattr__, __dir__ = offer(__name__, {"ui": "unseg_cli.ui.run"})

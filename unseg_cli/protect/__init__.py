"""`unseg protect` and `unseg verify`: pictures in, the same pictures with noise out, and the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.protect.in_memory import protect_image
    from unseg_cli.protect.one import protect_bytes
    from unseg_cli.protect.run import protect
    from unseg_cli.protect.verification import verify

__all__ = [
    "protect",
    "protect_bytes",
    "protect_image",
    "verify",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "protect": "unseg_cli.protect.run",
        "protect_bytes": "unseg_cli.protect.one",
        "protect_image": "unseg_cli.protect.in_memory",
        "verify": "unseg_cli.protect.verification",
    },
)

"""`unseg protect`, `verify` and `restore`: pictures in, the same with noise out, the proof, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.protect.in_memory import protect_image
    from unseg_cli.protect.one import protect_bytes
    from unseg_cli.protect.restore import restore
    from unseg_cli.protect.run import protect
    from unseg_cli.protect.verification import verify

__all__ = [
    "protect",
    "protect_bytes",
    "protect_image",
    "restore",
    "verify",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "protect": "unseg_cli.protect.run",
        "protect_bytes": "unseg_cli.protect.one",
        "protect_image": "unseg_cli.protect.in_memory",
        "restore": "unseg_cli.protect.restore",
        "verify": "unseg_cli.protect.verification",
    },
)

"""`unseg verify`: is every picture of SRC in DST, changed, and within the budget, and nothing else there?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.protect.verification.run import verify

__all__ = [
    "verify",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "verify": "unseg_cli.protect.verification.run",
    },
)

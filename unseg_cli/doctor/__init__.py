"""`unseg doctor`: is everything here that the other commands need?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.doctor.checks import doctor

__all__ = [
    "doctor",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "doctor": "unseg_cli.doctor.checks",
    },
)

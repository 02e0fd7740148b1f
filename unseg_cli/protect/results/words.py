"""Numbers as the last lines of a run say them."""

from __future__ import annotations

import math


def pictures(count: int) -> str:
    """1 picture, 2 pictures."""
    return "1 picture" if count == 1 else f"{count} pictures"


def size_in_words(size: int) -> str:
    """A number of bytes, as people read it: 48 kB, 3.1 MB, 790.2 GB."""
    if size < 999_500:
        return f"{math.ceil(size / 1000)} kB"
    return f"{size / 1e6:.1f} MB" if size < 999_950_000 else f"{size / 1e9:,.1f} GB"

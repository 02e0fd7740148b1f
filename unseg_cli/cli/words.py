"""How counts, values and failures are said in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: A file's name may hold them.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")


def one_line(text: str) -> str:
    """The text with every run of white space, line ends included, as one blank, and without what would steer a terminal."""
    return _CONTROLS.sub("?", " ".join(text.split()))


def pictures(count: int) -> str:
    """So many of them, in words."""
    return f"{count} picture{'' if count == 1 else 's'}"


def failures(document: Mapping[str, Any]) -> list[str]:
    """Each failure of a report as "path: error"."""
    return [f"{one['path']}: {one_line(one['error'])}" for one in document["failures"]]


def cell(value: Any) -> str:
    """A value as a short text: four digits of a float, names and values of a mapping, members of a list."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {cell(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value)
    return str(value)

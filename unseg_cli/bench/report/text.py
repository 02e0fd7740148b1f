"""Numbers and tables as text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from unseg_cli.datasets.addresses import kind_and_rest, paths_of


def number(value: float | None, digits: int = 1) -> str:
    """For a cell of a table; a dash where there is none, and no minus before a zero."""
    return "-" if value is None or not math.isfinite(value) else f"{round(value, digits) + 0.0:.{digits}f}"


def spread(mean: float, std: float) -> str:
    """A mean and its standard deviation."""
    return f"{mean:.1f} ± {std:.1f}"


def fraction(epsilon: float) -> str:
    """An epsilon as it is typed: in grey levels where it is a whole number of them."""
    levels = epsilon * 255
    return f"{round(levels)}/255" if abs(levels - round(levels)) < 1e-9 else str(float(Fraction(epsilon).limit_denominator(10**6)))


def data_name(data: str, task: str) -> str:
    """What a data set is called in tables: short, and with the task where objects are told apart.

    Args:
        data: as it was passed.
        task: the task's name.
    """
    kind, rest = kind_and_rest(data)
    name = kind or Path(data).name
    if kind == "coco":
        folder = Path(paths_of(rest)[1]).parent
        name = (folder.parent if folder.name == "annotations" else folder).name
    return name if task in ("binary", "semantic") else f"{name}, {task}"


def markdown_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Its lines."""
    return [f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows)]

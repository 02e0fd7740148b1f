"""The resolved settings of every command, as frozen dataclasses; and how epsilons are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from unseg_cli.core.errors import UsageProblem


@dataclass(frozen=True)
class NoiseBudget:
    """The largest change of a pixel, as a fraction of full intensity (8/255 means 8 of 255 grey levels).

    Attributes:
        foreground: bound inside the object mask, in [0, 1].
        background: bound outside of it, in [0, 1].
    """

    foreground: float = 8 / 255
    background: float = 2 / 255

    def __post_init__(self) -> None:
        for name in ("foreground", "background"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1):
                raise UsageProblem(
                    f"{name} epsilon {value!r} is not in [0, 1]",
                    hint="epsilons are fractions of full intensity: write 8/255 for eight grey levels",
                )


STRENGTHS: dict[str, NoiseBudget] = {
    "low": NoiseBudget(4 / 255, 1 / 255),
    "medium": NoiseBudget(8 / 255, 2 / 255),
    "high": NoiseBudget(16 / 255, 4 / 255),
}


def parse_epsilon(text: str, option: str = "--epsilon") -> float:
    """Read '8/255', '0.03' or '0'.

    Raises:
        UsageProblem: not a number in [0, 1]; a bare 8 gets a hint, since other tools count in grey levels.
    """
    try:
        value = float(Fraction(text.strip().replace(" ", "")))
    except (ValueError, ZeroDivisionError):
        raise UsageProblem(f"{option} {text!r} is not a number", hint="write a fraction such as 8/255, or a float in [0, 1]") from None
    if not 0 <= value <= 1:
        raise UsageProblem(f"{option} {text} is outside [0, 1]", hint=f"did you mean {option} {text.strip()}/255?")
    return value

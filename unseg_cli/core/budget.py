"""How much noise is allowed, and how it is written."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from unseg_cli.core.errors import UnsegError, UsageProblem


@dataclass(frozen=True)
class NoiseBudget:
    """The largest change of a pixel, as a fraction of full intensity (8/255 means 8 of 255 grey levels), and how far it may be seen.

    Attributes:
        foreground: bound inside the object mask, in [0, 1].
        background: bound outside of it, in [0, 1].
        visible: the largest difference of colour that may be seen of the noise anywhere (CIEDE2000 after the eye's own blur, see
            `noise/eye.py`; 1 can just be seen): where the bounds would show more, there is less. None: the bounds alone count.
        min_cell: the smallest side of the noise's cells in pixels of the picture; files are compressed in blocks of 8.
        closely: whether people look at the picture closely, at 200 %: then the noise is not to be found there, either. It only counts
            under a limit of what may be seen. None: see `looked_at_closely`.
    """

    foreground: float = 8 / 255
    background: float = 0.0
    visible: float | None = 1.5
    min_cell: float = 8.0
    closely: bool | None = None

    def __post_init__(self) -> None:
        for name in ("foreground", "background"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1):
                raise UsageProblem(
                    f"{name} epsilon {value!r} is not in [0, 1]",
                    hint="epsilons are fractions of full intensity: write 8/255 for eight grey levels",
                )
        if self.visible is not None and not (math.isfinite(self.visible) and self.visible > 0):
            raise UsageProblem(
                f"a visible difference of {self.visible!r} leaves no noise",
                hint="pass a number above 0: a difference of 1 can just be seen",
            )
        if not (math.isfinite(self.min_cell) and self.min_cell >= 1):
            raise UsageProblem(f"cells of {self.min_cell!r} pixels cannot be", hint="pass 1 or more; 8 outlives JPEG")

    def looked_at_closely(self, *, by_default: bool) -> bool:
        """What `closely` says.

        Args:
            by_default: what it is where it says nothing, see `is_looked_at`.
        """
        return by_default if self.closely is None else self.closely

    def of_photographs(self) -> NoiseBudget:
        """The same of pictures that people look at closely, unless it says otherwise: of all whose masks `detect` made."""
        return replace(self, closely=self.looked_at_closely(by_default=True))


def is_looked_at(target: str, *, masked: bool) -> bool:
    """Whether a picture is taken for a photograph that people look at closely, where nobody says.

    Whoever has masks publishes data to be learnt from, and targets other than "auto" ask for as much noise as there is.

    Args:
        target: what is protected where there is no mask, see `Session.noise`.
        masked: whether there is one.
    """
    return target == "auto" and not masked


#: One grey level of an 8-bit picture, less what floats lose.
_ONE_LEVEL = 1 / 255 - 1e-9


def check_budget(budget: NoiseBudget) -> None:
    """Refuse a budget that protects nothing, or the wrong thing: the object is what a model is to learn nothing about.

    Raises:
        UsageProblem: the foreground's bound is below one grey level, or the background's is above it.
    """
    inside, outside = (f"{255 * bound:.4g}/255" for bound in (budget.foreground, budget.background))
    if budget.foreground < _ONE_LEVEL:
        raise UsageProblem(
            f"--epsilon {inside} protects nothing: no pixel of an object in an 8-bit picture would change",
            hint="pass --epsilon 8/255, or --strength medium",
        )
    if budget.background > budget.foreground + 1e-9:  # 0.03 and 7.65/255 differ by what floats lose
        raise UsageProblem(
            f"--epsilon-bg {outside} is above --epsilon {inside}: there would be more noise outside the object than on it",
            # rounded down: what is proposed must not be refused, too
            hint=f"pass --epsilon-bg {math.floor(25_500 * budget.foreground + 1e-6) / 100:g}/255 or less, or a larger --epsilon",
        )


#: What is said of a picture with less than `LEAST_LEVEL`.
TOO_FAINT = "is too little to protect it"
#: Grey levels. With one on every object a U-Net learns as much as from clean pictures, with two four fifths of that ("how faint is too
#: faint" in docs/results_tried.md); of pictures with 1.7 on average, on objects that were detected, it learned all (the run
#: ecssd-unet-256-low): with less than this nothing is protected.
LEAST_LEVEL = 1.5
#: Pixels of the longer side with which a photograph hides noise that networks trained at 500 pixels read ("made" in docs/results.md).
HIDES_ENOUGH = 1000


def check_level(level: float, size: tuple[int, int] = (0, 0)) -> None:
    """Refuse a picture whose noise is too faint to protect it.

    Args:
        level: how strong the noise is on the object, in 1/255 of full intensity, see `noise_level` of `pictures/channels.py`.
        size: (H, W): a large one is advised to become smaller.

    Raises:
        UnsegError: it is less than `LEAST_LEVEL`.
    """
    if level < LEAST_LEVEL:
        smaller = f"make the copy smaller: --longest-side {HIDES_ENOUGH}; or " if max(size) > 2 * HIDES_ENOUGH else ""
        raise UnsegError(
            f"noise of {math.floor(100 * level) / 100:.2f} of 255 grey levels {TOO_FAINT}",
            hint=f"{smaller}allow more: --no-closely, --strength high, or a larger --max-difference or --epsilon",
        )


STRENGTHS: dict[str, NoiseBudget] = {
    "low": NoiseBudget(closely=True),
    "medium": NoiseBudget(),
    "high": NoiseBudget(visible=None),
}


def parse_epsilon(text: str, option: str = "--epsilon") -> float:
    """Read '8/255', '0.03' or '0'.

    Raises:
        UsageProblem: not a number in [0, 1]; what another tool would count in grey levels gets a hint.
    """
    typed = text.replace(" ", "")
    value = _number(typed)
    if value is None:
        raise UsageProblem(f"{option} {text!r} is not a number", hint=_HOW_TO_WRITE)
    if not 0 <= value <= 1:
        levels = _number(f"{typed}/255")
        meant = levels is not None and 0 <= levels <= 1
        raise UsageProblem(f"{option} {text} is outside [0, 1]", hint=f"did you mean {option} {typed}/255?" if meant else _HOW_TO_WRITE)
    return value


_HOW_TO_WRITE = "write a fraction such as 8/255, or a float in [0, 1]"


def _number(text: str) -> float | None:
    """A float, or one divided by another; None where it is neither."""
    above, stroke, below = text.partition("/")
    try:
        return float(above) / float(below) if stroke else float(above)
    except (ValueError, ZeroDivisionError):
        return None

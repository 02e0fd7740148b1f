"""From what stands behind an option to the value that a workflow takes. What cannot be read is a `UsageProblem`."""

from __future__ import annotations

from unseg_cli.core.budget import STRENGTHS, NoiseBudget, parse_epsilon
from unseg_cli.core.errors import UsageProblem


def budget_of(epsilon: str | None, epsilon_bg: str | None, strength: str | None) -> NoiseBudget:
    """--epsilon and --epsilon-bg, or what --strength stands for."""
    if strength is not None:
        if epsilon is not None or epsilon_bg is not None:
            raise UsageProblem("--strength and --epsilon exclude each other", hint="give --strength, or --epsilon and --epsilon-bg")
        return STRENGTHS[strength]
    given = {"foreground": epsilon_of(epsilon, "--epsilon"), "background": epsilon_of(epsilon_bg, "--epsilon-bg")}
    return NoiseBudget(**{name: value for name, value in given.items() if value is not None})


def epsilon_of(text: str | None, option: str) -> float | None:
    """A fraction or a float in [0, 1]; None where the option was not given."""
    return None if text is None else parse_epsilon(text, option=option)


def batch_size_of(text: str) -> int | None:
    """A number of pictures; None: auto."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageProblem(f"--batch-size {text!r} is not a number of pictures", hint="give auto, or a whole number from 1")
    return int(text)


def names_of(text: str, option: str) -> tuple[str, ...]:
    """Comma-joined names, each once, in their order."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise UsageProblem(f"{option} names nothing", hint="give one name, or several joined by commas")
    return names


def integers_of(text: str, option: str) -> tuple[int, ...]:
    """Comma-joined whole numbers."""
    try:
        return tuple(int(name) for name in names_of(text, option))
    except ValueError:
        raise UsageProblem(f"{option} {text!r} are not whole numbers", hint=f"write {option} 0,1,2") from None

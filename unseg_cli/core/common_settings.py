"""Settings that more than one command has, each written once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unseg_cli.core.budget import STRENGTHS, NoiseBudget, check_budget, parse_epsilon
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.settings import Option, joined, option

_STRENGTH = "Instead of the epsilons: 4/1, 8/2 or 16/4 of 255."


def device_option() -> Any:
    """Where the networks run."""
    return option("auto", metavar="auto|cpu|cuda|cuda:N|mps", help="Where the networks run.")


def seed_option() -> Any:
    """One seed for everything that is drawn."""
    return option(0, min=0, help="Same seed, same bytes on the same device.")


def generator_option() -> Any:
    """The generator's name or file."""
    return option("lite", metavar="lite|vit_b|FILE", help="The noise generator.")


def mask_rule_option() -> Any:
    """How a mask file becomes a mask."""
    return option("nonzero", metavar="RULE", help="Objects are nonzero, not-void (not 255), class:7,9 or panoptic-rgb.")


def spare_option() -> Any:
    """Less noise where it shows most; None: without masks, if the generator finds the objects."""
    return option(None, help="Less noise on smooth places and faces.  [default: without masks, if --target is auto]")


def budget_options() -> Any:
    """--epsilon and --epsilon-bg, or --strength, which stands for both."""
    return joined(
        NoiseBudget(),
        epsilon_text("epsilon", "Bound on objects: 8/255 or a float in [0,1].  [default: 8/255]"),
        epsilon_text("epsilon_bg", "Bound outside the object.  [default: 2/255, at most --epsilon]"),
        Option(name="strength", type=str, default=None, choices=tuple(STRENGTHS), help=_STRENGTH),
        read=read_budget,
    )


def epsilon_text(name: str, help: str) -> Option:
    """An epsilon as it is typed."""
    return Option(name=name, type=str, default=None, metavar="E", help=help)


def read_budget(typed: Mapping[str, Any]) -> NoiseBudget:
    """The budget that --epsilon and --epsilon-bg, or --strength, stand for; the default's bounds where nothing was typed.

    A small --epsilon takes the bound outside the object along: more noise there than on the object is what nobody asks for.

    Raises:
        UsageProblem: not epsilons, or a budget that protects nothing or the wrong thing.
    """
    epsilon, epsilon_bg, strength = (typed.get(name) for name in ("epsilon", "epsilon_bg", "strength"))
    if strength is not None:
        if epsilon is not None or epsilon_bg is not None:
            raise UsageProblem("--strength and --epsilon exclude each other", hint="pass --strength, or --epsilon and --epsilon-bg")
        return STRENGTHS[strength]
    usual = NoiseBudget()
    foreground = usual.foreground if epsilon is None else parse_epsilon(epsilon, "--epsilon")
    background = min(usual.background, foreground) if epsilon_bg is None else parse_epsilon(epsilon_bg, "--epsilon-bg")
    budget = NoiseBudget(foreground, background)
    check_budget(budget)
    return budget

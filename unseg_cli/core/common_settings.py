"""Settings that more than one command has, each written once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unseg_cli.core.budget import STRENGTHS, NoiseBudget, check_budget, parse_epsilon
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.settings import Option, joined, option, parse_count

_STRENGTH = "How far the noise may show: low, medium or high.  [default: medium]"

_MAX_DIFFERENCE = "Largest difference that may be seen of the noise; 1 can just be seen.  [default: the strength's]"

_CLOSELY = "Hide the noise at 200 %, too.  [default: yes, but for masks that `detect` did not write]"

#: Range of the random scale of pictures that generators are trained on. The paper's is 0.1 to 2.0, at 1,024 px; at 256 px a tenth would
#: leave objects of a few pixels.
SCALES = (0.5, 1.6)


def device_option() -> Any:
    """Where the networks run."""
    return option("auto", metavar="auto|cpu|cuda|cuda:N|mps", help="Where the networks run.")


def seed_option() -> Any:
    """One seed for everything that is drawn."""
    return option(0, min=0, help="Same seed, same bytes on the same device.")


def workers_option() -> Any:
    """How many pictures are worked on at once."""
    return option(None, text="auto", metavar="auto|N", parse=parse_count, help="Pictures worked on at once.  [auto: one for each core]")


def batch_size_option() -> Any:
    """How many pictures go through the network at once."""
    return option(None, text="auto", metavar="auto|N", parse=parse_count, help="Pictures in one forward pass.")


def generator_option() -> Any:
    """The generator's name or file."""
    return option("lite", metavar="lite|vit_b|FILE", help="The noise generator.")


def mask_rule_option() -> Any:
    """How a mask file becomes a mask."""
    return option("nonzero", metavar="RULE", help="Objects are nonzero, not-void (not 255), class:7,9 or panoptic-rgb.")


def budget_options() -> Any:
    """How much noise: --strength, or each of the numbers that it stands for."""
    return joined(
        NoiseBudget(),
        Option(name="strength", group="Noise", type=str, default=None, choices=tuple(STRENGTHS), help=_STRENGTH),
        epsilon_text("epsilon", "Bound on objects instead: 8/255 or a float in [0,1], however far it shows."),
        epsilon_text("epsilon_bg", "Bound outside the object.  [default: 0]"),
        Option(name="max_difference", type=float, default=None, metavar="D", help=_MAX_DIFFERENCE),
        Option(name="closely", type=bool, default=None, help=_CLOSELY),
        Option(name="min_cell", type=float, default=None, metavar="PX", help="Smallest cell of the noise in pixels.  [default: 8]"),
        read=read_budget,
    )


def epsilon_text(name: str, help: str) -> Option:
    """An epsilon as it is typed."""
    return Option(name=name, type=str, default=None, metavar="E", help=help)


def read_budget(typed: Mapping[str, Any]) -> NoiseBudget:
    """The budget that the options stand for.

    --epsilon takes the place of a strength: it is a bound and no promise about what is seen, unless --max-difference says so.

    Raises:
        UsageProblem: not epsilons, a budget that protects nothing or the wrong thing, or --closely where there is no limit.
    """
    epsilon, strength = typed.get("epsilon"), typed.get("strength")
    if strength is not None and epsilon is not None:
        raise UsageProblem("--strength and --epsilon exclude each other", hint="pass --strength, or --epsilon and --epsilon-bg")
    budget = STRENGTHS[strength] if strength is not None else NoiseBudget()
    if epsilon is not None:
        budget = replace(budget, foreground=parse_epsilon(epsilon, "--epsilon"), visible=None)
    if (epsilon_bg := typed.get("epsilon_bg")) is not None:
        budget = replace(budget, background=parse_epsilon(epsilon_bg, "--epsilon-bg"))
    if (difference := typed.get("max_difference")) is not None:
        budget = replace(budget, visible=difference)
    if (closely := typed.get("closely")) is not None:
        if closely and budget.visible is None:
            without = f"--strength {strength}" if strength is not None else "--epsilon"
            raise UsageProblem(
                f"--closely says where a limit of what may be seen counts, and {without} has none", hint="add --max-difference 1.5"
            )
        budget = replace(budget, closely=closely)
    if (min_cell := typed.get("min_cell")) is not None:
        budget = replace(budget, min_cell=min_cell)
    check_budget(budget)
    return budget

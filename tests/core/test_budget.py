"""Epsilons: how they are written, and what is proposed where one cannot be taken."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseg_cli.core.budget import LEAST_LEVEL, STRENGTHS, NoiseBudget, check_level, parse_epsilon
from unseg_cli.core.common_settings import read_budget
from unseg_cli.core.errors import UnsegError, UsageProblem


@pytest.mark.parametrize(
    ("text", "value"),
    [("8/255", 8 / 255), (" 8 / 255 ", 8 / 255), ("1.5/255", 1.5 / 255), ("0.03", 0.03), ("0", 0.0), ("1", 1.0), ("1e-2", 0.01)],
)
def test_epsilons_are_fractions_or_floats(text: str, value: float) -> None:
    assert parse_epsilon(text) == value


def hint_of(text: str) -> str:
    with pytest.raises(UsageProblem) as caught:
        parse_epsilon(text)
    return caught.value.hint


@pytest.mark.parametrize("text", ["8", "1.5", "255", "16.0"])
def test_grey_levels_get_the_fraction_that_was_meant(text: str) -> None:
    assert hint_of(text) == f"did you mean --epsilon {text}/255?"
    assert parse_epsilon(f"{text}/255") == float(text) / 255


@pytest.mark.parametrize("text", ["-1/255", "-1", "300", "1/0", "many", "", "/", "nan", "inf", "1/2/3", "9e999", "8/1"])
def test_nothing_is_proposed_that_would_be_refused(text: str) -> None:
    assert hint_of(text) == "write a fraction such as 8/255, or a float in [0, 1]"


@given(st.one_of(st.text(max_size=12), st.floats().map(str), st.fractions().map(str)))
def test_a_text_is_a_value_in_range_or_refused_and_its_proposal_is_accepted(text: str) -> None:
    try:
        assert 0 <= parse_epsilon(text) <= 1
    except UsageProblem as problem:
        proposed = re.search(r"did you mean --epsilon (.*)\?", problem.hint)
        assert proposed is None or math.isfinite(parse_epsilon(proposed[1]))


@pytest.mark.parametrize(
    ("typed", "budget"),
    [
        ({}, STRENGTHS["medium"]),
        ({"strength": "medium"}, STRENGTHS["medium"]),
        ({"strength": "low"}, STRENGTHS["low"]),
        ({"strength": "high"}, STRENGTHS["high"]),
        ({"epsilon": "4/255"}, NoiseBudget(4 / 255, 0, visible=None)),  # a bound is no promise about what is seen
        ({"epsilon": "4/255", "max_difference": 0.5}, NoiseBudget(4 / 255, 0, visible=0.5)),
        ({"epsilon": "4/255", "epsilon_bg": "1/255"}, NoiseBudget(4 / 255, 1 / 255, visible=None)),
        ({"epsilon_bg": "1/255"}, NoiseBudget(background=1 / 255)),
        ({"strength": "high", "max_difference": 2.0, "min_cell": 4.0}, replace(STRENGTHS["high"], visible=2.0, min_cell=4.0)),
        ({"min_cell": 1.0}, NoiseBudget(min_cell=1)),
    ],
)
def test_what_is_typed_makes_a_budget(typed: dict[str, Any], budget: NoiseBudget) -> None:
    assert read_budget(typed) == budget


def test_a_higher_strength_allows_more() -> None:
    low, medium, high = (STRENGTHS[name] for name in ("low", "medium", "high"))
    assert NoiseBudget() == medium
    assert low.foreground <= medium.foreground <= high.foreground
    assert low.visible == medium.visible is not None and high.visible is None
    looked_at = [[one.looked_at_closely(by_default=photograph) for one in (low, medium)] for photograph in (True, False)]
    assert looked_at == [[True, True], [True, False]]


def test_photographs_are_looked_at_closely_unless_it_is_said_that_they_are_not() -> None:
    assert NoiseBudget().of_photographs() == NoiseBudget(closely=True)
    assert NoiseBudget(closely=False).of_photographs() == NoiseBudget(closely=False)


@pytest.mark.parametrize(("typed", "named"), [({"strength": "high"}, "--strength high"), ({"epsilon": "4/255"}, "--epsilon")])
def test_without_a_limit_nothing_is_hidden_from_a_closer_look(typed: dict[str, str], named: str) -> None:
    with pytest.raises(UsageProblem, match=f"{named} has none"):
        read_budget({**typed, "closely": True})
    assert read_budget({**typed, "closely": False}).closely is False
    assert read_budget({**typed, "closely": True, "max_difference": 1.0}).closely is True


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ({"strength": "low", "epsilon": "4/255"}, "pass --strength, or --epsilon"),
        ({"max_difference": 0.0}, "above 0"),
        ({"max_difference": -1.0}, "above 0"),
        ({"max_difference": math.nan}, "above 0"),
        ({"max_difference": math.inf}, "above 0"),
        ({"min_cell": 0.5}, "pass 1 or more"),
        ({"min_cell": math.nan}, "pass 1 or more"),
        ({"epsilon": "0", "epsilon_bg": "0"}, ""),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(typed: dict[str, Any], hint: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        read_budget(typed)
    assert caught.value.hint and hint in caught.value.hint


@given(st.floats(1 / 255, 0.999))
def test_a_bound_outside_the_object_that_is_proposed_is_accepted(foreground: float) -> None:
    with pytest.raises(UsageProblem) as caught:
        read_budget({"epsilon": str(foreground), "epsilon_bg": "1"})
    proposed = re.search(r"pass --epsilon-bg (.*) or less", caught.value.hint)
    assert proposed is not None
    assert read_budget({"epsilon": str(foreground), "epsilon_bg": proposed[1]}).foreground == foreground


@pytest.mark.parametrize(("size", "smaller"), [((0, 0), False), ((2000, 1500), False), ((3000, 4000), True), ((1, 5000), True)])
def test_only_large_pictures_are_advised_to_become_smaller(size: tuple[int, int], smaller: bool) -> None:
    check_level(LEAST_LEVEL, size)
    with pytest.raises(UnsegError, match=r"noise of 1\.49 of 255 grey levels is too little") as caught:
        check_level(LEAST_LEVEL - 0.01, size)
    assert ("--longest-side 1000" in caught.value.hint) == smaller
    assert "--no-closely" in caught.value.hint

"""Epsilons: how they are written, and what is proposed where one cannot be taken."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseg_cli.core.budget import NoiseBudget, parse_epsilon
from unseg_cli.core.common_settings import read_budget
from unseg_cli.core.errors import UsageProblem


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
        ({}, NoiseBudget(8 / 255, 2 / 255)),
        ({"epsilon": "4/255"}, NoiseBudget(4 / 255, 2 / 255)),
        ({"epsilon": "1/255"}, NoiseBudget(1 / 255, 1 / 255)),  # not more outside the object than on it
        ({"epsilon_bg": "0"}, NoiseBudget(8 / 255, 0)),
        ({"strength": "high"}, NoiseBudget(16 / 255, 4 / 255)),
    ],
)
def test_what_is_typed_makes_a_budget(typed: dict[str, str], budget: NoiseBudget) -> None:
    assert read_budget(typed) == budget


@given(st.floats(1 / 255, 0.999))
def test_a_bound_outside_the_object_that_is_proposed_is_accepted(foreground: float) -> None:
    with pytest.raises(UsageProblem) as caught:
        read_budget({"epsilon": str(foreground), "epsilon_bg": "1"})
    proposed = re.search(r"pass --epsilon-bg (.*) or less", caught.value.hint)
    assert proposed is not None
    assert read_budget({"epsilon": str(foreground), "epsilon_bg": proposed[1]}).foreground == foreground

"""How conditions are written, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from unseg_cli.bench.conditions import SPELLINGS, Condition, MaskSource, NoiseKind, names_for_help
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem

BUDGET = NoiseBudget(8 / 255, 2 / 255)


@pytest.mark.parametrize("masks", get_args(MaskSource))
@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("ready", [False, True])
def test_what_is_read_is_written_again(name: str, masks: str, ready: bool) -> None:
    condition = Condition.parse(name, masks=masks, budget=BUDGET, share=0.5, ready=ready)
    assert condition.name == str(condition) == name
    assert condition == Condition.parse(condition.name, masks=masks, budget=BUDGET, share=0.5, ready=ready)
    assert condition.masks == (SPELLINGS[name].masks or masks)
    assert condition.share == (1.0 if name == "clean" else 0.5)
    assert (condition.noise == "ready") == (ready and name == "protected")


def test_no_two_conditions_share_a_meaning_or_a_colour() -> None:
    assert len({(meant.noise, meant.masks) for meant in SPELLINGS.values()}) == len(SPELLINGS)
    assert len({meant.colour for meant in SPELLINGS.values()}) == len(SPELLINGS)
    assert {meant.noise for meant in SPELLINGS.values()} == {*get_args(NoiseKind)} - {"ready"}


def test_the_help_names_every_condition() -> None:
    ours = "protected, protected-auto|corrected|whole|uniform|per-class"
    assert names_for_help() == f"clean, clean-subset, {ours}, random, texture, error-minimising"


@pytest.mark.parametrize(
    ("name", "masks", "ready", "needed"),
    [
        ("clean", "auto", False, False),
        ("random", "auto", False, False),
        ("protected", "gt", False, True),
        ("protected", "gt", True, False),
        ("protected-auto", "gt", True, True),
        ("protected-per-class", "gt", False, True),
        ("texture", "gt", False, False),
        ("texture", "whole", False, False),
        ("texture", "auto", False, True),
        ("texture", "corrected", False, True),
        ("protected-corrected", "gt", True, True),
        ("texture", "folder", False, False),
    ],
)
def test_the_generator_is_needed_for_its_noise_and_for_its_detections(name: str, masks: str, ready: bool, needed: bool) -> None:
    assert Condition.parse(name, masks=masks, budget=BUDGET, ready=ready).uses_generator == needed


@pytest.mark.parametrize(("name", "closely"), [("protected-corrected", True), ("protected-auto", None), ("protected", None)])
def test_corrected_detections_are_those_of_photographs(name: str, closely: bool | None) -> None:
    assert Condition.parse(name, masks="gt", budget=BUDGET).budget.closely is closely
    said = replace(BUDGET, closely=False)
    assert Condition.parse(name, masks="gt", budget=said).budget == said


@pytest.mark.parametrize(
    ("name", "masks", "message"), [("protectd", "gt", "--conditions 'protectd'"), ("clean", "sam", "--protect-masks 'sam'")]
)
def test_unknown_names_get_a_hint(name: str, masks: str, message: str) -> None:
    with pytest.raises(UsageProblem, match=message) as problem:
        Condition.parse(name, masks=masks, budget=BUDGET)
    assert "known: " in problem.value.hint

"""Numbers in a text: looked up, never typed in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench.conftest import row
from tests.bench.report.conftest import ROWS, Docs
from unseg_cli.bench.report import efficacy, first, lines, targets, visible
from unseg_cli.bench.report.facts import PLACEHOLDER, fill_in
from unseg_cli.bench.report.kept import kept_runs
from unseg_cli.core.errors import UsageProblem

#: Words that stand for a measured number as well as digits do. "One" is an article more often.
NUMBER_WORDS = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "half",
    "third",
    "quarter",
    "twice",
    "thrice",
    "double",
]


def test_placeholders_are_looked_up(docs: Docs) -> None:
    docs.keep("a", [*ROWS, row("protected", 0, 1.0, defence="gray")])
    runs = kept_runs(docs.path)
    assert fill_in("{best a unet protected} % at the best epoch, {seen a protected} is seen", runs) == (
        "66 % at the best epoch, 0.41 is seen"
    )
    assert fill_in("it was {score a unet clean}, and {drop a unet protected} % went", runs) == "it was 71.0 ± 1.4, and 70 % went"
    assert fill_in("{side a unet} px, {epochs unet binary scratch} epochs", runs) == "96 px, 32 epochs"
    assert fill_in("a folder `images/{train,test}`", runs) == "a folder `images/{train,test}`"


@pytest.mark.parametrize(
    "text",
    ["{score b unet clean}", "{score a unet random}", "{score a}", "{guess a unet clean}", "{epochs unet panoptic scratch}", "{side a x}"],
)
def test_what_cannot_be_looked_up_is_named(docs: Docs, text: str) -> None:
    docs.keep("a", ROWS)
    with pytest.raises(UsageProblem) as problem:
        fill_in(text, kept_runs(docs.path))
    assert text in problem.value.message


def typed_in(text: str, names: list[str]) -> list[str]:
    """Numbers in a text, apart from placeholders, code and names of runs."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "")
    text = re.sub(r"`[^`]*`", "", PLACEHOLDER.sub("", text))
    return re.findall(r"\d[\d./]*", text) + [word for word in re.findall(r"[a-z]+", text.lower()) if word in NUMBER_WORDS]


def test_no_number_is_typed_into_the_page(root: Path) -> None:
    names = [run.name for run in kept_runs(root / "docs")]
    introduction = (root / "docs" / "results_intro.md").read_text(encoding="utf-8")
    assert len(PLACEHOLDER.findall(introduction)) >= 6
    assert typed_in(introduction, names) == []
    made = (targets.INTRODUCTION, visible.INTRODUCTION, first.INTRODUCTION, first.VISIBILITY, efficacy.INTRODUCTION, lines.SCHEDULES)
    for text in made:
        assert typed_in(re.sub(r"\{\w+\}", "", text), names) == []


def test_the_search_for_typed_numbers_finds_some() -> None:
    assert typed_in("It lost 59.8 at {side a unet} px (the run ecssd-256px), less than half of `--epsilon 8/255`", ["ecssd-256px"]) == [
        "59.8",
        "half",
    ]

"""Rows summed up over seeds, judged, and pooled over several runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.conftest import row
from unseg_cli.bench.results import pool, relative_drop, shortfall, summarise

ROWS = [row("clean", 0, 70.0), row("clean", 1, 72.0), row("protected", 0, 20.0), row("protected", 1, 22.0)]


def flat(condition: str, seed: int, final: float, **more: Any) -> dict[str, Any]:
    return row(condition, seed, final, best=final, final_per_picture=final, **more)


def test_relative_drop() -> None:
    assert relative_drop(80, 20) == 75
    assert relative_drop(80, 88) == pytest.approx(-10)
    assert relative_drop(0, 0) is None


def test_summary_by_hand() -> None:
    clean, protected = summarise([*ROWS, row("protected", 0, 50.0, defence="gray")])[:2]
    assert (clean["mean"], clean["n"], clean["relative_drop"]) == (71, 2, 0)
    assert clean["std"] == pytest.approx(2**0.5)
    assert protected["relative_drop"] == pytest.approx(100 * 50 / 71)
    assert protected["best_relative_drop"] == pytest.approx(100 * 50 / 76)


def test_drop_needs_clean_under_the_same_defence() -> None:
    gray = summarise([*ROWS, row("protected", 0, 50.0, defence="gray")])[-1]
    assert (gray["defence"], gray["relative_drop"], gray["std"]) == ("gray", None, 0)


def test_shortfall_judges_the_undefended_rows() -> None:
    summary = summarise([*ROWS, row("clean", 0, 60.0, defence="gray"), row("protected", 0, 58.0, defence="gray")])
    assert shortfall(summary, None) == ()
    assert shortfall(summary, 70) == ()
    assert shortfall(summary, 71) == ("unet (none): relative drop 70.4 % is under 71 %",)
    assert len(shortfall([entry for entry in summary if entry["defence"] == "gray"], 10)) == 1
    nothing_learnt = summarise([row("clean", 0, 0.0), row("protected", 0, 0.0)])
    assert shortfall(nothing_learnt, 1) == ("unet (none): relative drop unknown (the clean score is 0) is under 1 %",)


def test_every_score_is_compared_with_the_clean_one_of_its_own_run() -> None:
    (entry,) = pool([[flat("clean", 0, 60.0), flat("protected", 0, 30.0)], [flat("clean", 1, 40.0), flat("protected", 1, 10.0)]])
    assert (entry["condition"], entry["n"], entry["mean"], entry["clean_mean"]) == ("protected", 2, 20, 50)
    assert entry["relative_drop"] == pytest.approx(60)
    assert entry["std"] == pytest.approx(200**0.5)


def test_a_seed_counts_once_and_the_longest_run_has_it() -> None:
    short = [flat("clean", 0, 60.0), flat("protected", 0, 60.0)]
    long = [flat(condition, seed, final) for seed in (0, 1) for condition, final in (("clean", 50.0), ("protected", 5.0))]
    (entry,) = pool([short, long])
    assert (entry["n"], entry["mean"], entry["clean_mean"]) == (2, 5, 50)
    (entry,) = pool([short, [flat("clean", 0, 50.0), flat("protected", 0, 5.0)]])
    assert (entry["n"], entry["mean"]) == (1, 60)


def test_rows_without_a_clean_one_of_their_seed_and_defence_are_left_out() -> None:
    rows = [
        flat("clean", 0, 60.0),
        flat("protected", 1, 30.0),
        flat("protected", 0, 30.0, defence="gray"),
        flat("texture", 0, 20.0),
    ]
    assert [entry["condition"] for entry in pool([rows, [flat("random", 0, 50.0)]])] == ["texture"]


def test_victims_defences_and_starts_are_not_mixed() -> None:
    rows = [
        flat(condition, 0, final, **differ)
        for differ in ({}, {"victim": "deeplabv3plus"}, {"defence": "blur"}, {"init": "scratch"})
        for condition, final in (("clean", 50.0), ("protected", 5.0))
    ]
    assert [entry["n"] for entry in pool([rows])] == [1, 1, 1, 1]

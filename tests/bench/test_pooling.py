"""Several runs of one measurement as one."""

from __future__ import annotations

from typing import Any

import pytest

from unseg_cli.bench.pooling import pool


def row(condition: str, seed: int, final: float, **more: Any) -> dict[str, Any]:
    return {
        "victim": "unet", "condition": condition, "defence": "none", "init": "pretrained", "ratio": 1.0, "metric": "iou", "seed": seed,
        "final": final, "best": final, "final_per_picture": final, **more,
    }  # fmt: skip


def test_every_score_is_compared_with_the_clean_one_of_its_own_run() -> None:
    (entry,) = pool([[row("clean", 0, 60.0), row("protected", 0, 30.0)], [row("clean", 1, 40.0), row("protected", 1, 10.0)]])
    assert (entry["condition"], entry["n"], entry["mean"], entry["clean_mean"]) == ("protected", 2, 20, 50)
    assert entry["relative_drop"] == pytest.approx(60)
    assert entry["std"] == pytest.approx(200**0.5)


def test_a_seed_counts_once_and_the_longest_run_has_it() -> None:
    short = [row("clean", 0, 60.0), row("protected", 0, 60.0)]
    long = [row(condition, seed, final) for seed in (0, 1) for condition, final in (("clean", 50.0), ("protected", 5.0))]
    (entry,) = pool([short, long])
    assert (entry["n"], entry["mean"], entry["clean_mean"]) == (2, 5, 50)
    (entry,) = pool([short, [row("clean", 0, 50.0), row("protected", 0, 5.0)]])
    assert (entry["n"], entry["mean"]) == (1, 60)


def test_rows_without_a_clean_one_of_their_seed_and_defence_are_left_out() -> None:
    rows = [row("clean", 0, 60.0), row("protected", 1, 30.0), row("protected", 0, 30.0, defence="gray"), row("texture", 0, 20.0)]
    assert [entry["condition"] for entry in pool([rows, [row("random", 0, 50.0)]])] == ["texture"]


def test_victims_defences_and_starts_are_not_mixed() -> None:
    rows = [
        row(condition, 0, final, **differ)
        for differ in ({}, {"victim": "deeplabv3plus"}, {"defence": "blur"}, {"init": "scratch"})
        for condition, final in (("clean", 50.0), ("protected", 5.0))
    ]
    assert [entry["n"] for entry in pool([rows])] == [1, 1, 1, 1]

"""Which step does what."""

from __future__ import annotations

import pytest

from unseg_cli.train.loop import schedule_of
from unseg_cli.train.presets import train_config
from unseg_cli.train.schedule import Schedule, learning_rate_factor


def test_the_three_stages_of_lite() -> None:
    schedule = schedule_of(train_config("lite", data="synthetic"), pictures=10_553)
    finding = schedule.objects + schedule.focus
    assert [schedule.turn(step) for step in (schedule.objects - 1, schedule.objects, finding - 1, finding)] == [
        *("objects", "focus", "focus", "surrogate")
    ]
    assert [schedule.progress(step) for step in (0, schedule.objects, finding)] == [0, 0, 0]
    assert schedule.progress(finding - 1) == 1 - 1 / schedule.focus


def test_the_papers_blocks_are_epochs_of_which_one_in_four_trains_the_surrogate() -> None:
    paper = schedule_of(train_config("paper"), pictures=100)
    assert paper == Schedule(objects=0, focus=0, total=27 * 25, block=25, surrogate_every=4)
    assert [paper.turn(epoch * 25) for epoch in range(5)] == ["surrogate", "noise", "noise", "noise", "surrogate"]


def test_rates_decay_as_in_the_paper_or_along_a_cosine() -> None:
    assert [learning_rate_factor(epoch / 27, step_decay=True) for epoch in (0, 19.9, 20, 26)] == [1, 1, 0.1, 0.1]
    assert learning_rate_factor(0, step_decay=False) == pytest.approx(0.1)
    assert learning_rate_factor(0.04, step_decay=False) == pytest.approx(1)
    assert learning_rate_factor(0.999, step_decay=False) < 1e-4

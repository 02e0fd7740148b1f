"""The optimisers' rates: each preset's own, and what --lr makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.conftest import first_batch, learners_of
from unseg_cli.train.learners import BACKBONE_RATE, Learners
from unseg_cli.train.presets import train_config

#: preset -> base rate of each kind of step, as it always was.
DEFAULTS = {
    "lite": {"objects": 4e-4, "focus": 4e-4, "surrogate": 4e-4, "noise": 1e-3},
    "adapt": {"focus": 2e-4, "surrogate": 4e-4, "noise": 1e-3},
    "tiny": {"objects": 4e-4, "focus": 4e-4, "surrogate": 4e-4, "noise": 1e-3},
    "paper": {"surrogate": 1e-4, "noise": 1e-4},
    "paper-lite": {"surrogate": 4e-4, "noise": 1e-3},
}
OWN_RATE = {"lite": 4e-4, "adapt": 2e-4, "tiny": 4e-4, "paper": 1e-4, "paper-lite": 1e-3}


def rates(learners: Learners) -> dict[str, float]:
    return {turn: max(group["base_lr"] for group in optimiser.param_groups) for turn, optimiser in learners.optimisers.items()}


@pytest.mark.parametrize("preset", DEFAULTS)
def test_lr_acts_in_every_stage_of_every_preset(preset: str, small_vit: Path) -> None:
    init = {"init": str(small_vit)} if preset == "paper" else {}
    small = {"image_size": 64, "surrogate_size": 64, **init}
    assert rates(learners_of(train_config(preset, **small))) == DEFAULTS[preset]
    halved = rates(learners_of(train_config(preset, lr=OWN_RATE[preset] / 2, **small)))
    assert halved == {turn: pytest.approx(rate / 2) for turn, rate in DEFAULTS[preset].items()}


def test_under_paper_it_is_the_rate_of_noise_head_and_surrogate() -> None:
    config = train_config("paper", lr=3e-5)
    assert (config.noise_lr, config.surrogate_lr) == (3e-5, 3e-5)


def test_a_rate_that_is_given_does_not_follow() -> None:
    config = train_config("lite", lr=8e-4, noise_lr=5e-3)
    assert (config.lr, config.noise_lr, config.surrogate_lr) == (8e-4, 5e-3, pytest.approx(8e-4))


def test_a_step_uses_the_schedules_share_of_the_rate_and_the_backbone_a_quarter(sam_parts: Path) -> None:
    config = train_config("tiny", sam_parts=sam_parts)
    learners = learners_of(config)
    learners.learn("focus", first_batch(2), seed=0, rate=0.1)
    slow, fast = (group["lr"] for group in learners.optimisers["focus"].param_groups)
    assert (slow, fast) == (pytest.approx(4e-5 * BACKBONE_RATE), pytest.approx(4e-5))

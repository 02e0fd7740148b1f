"""What follows from a preset, and the command that says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.command_lines import words_of
from unseg_cli.core.errors import UsageProblem
from unseg_cli.models.specs import SPECS
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.presets import PRESETS, command_line, train_config, without_option
from unseg_cli.train.schedule import learning_rate_factor, plan
from unseg_cli.train.steps.prompts import POINTS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_size": 100}, "--image-size 100 is not a multiple of 32"),
        ({"batch_size": 0}, "--batch-size 0 is not positive"),
        ({"surrogate_every": 1}, "would never train the generator"),
        ({"lr": 0.0}, "--lr 0 would teach nothing"),
        ({"lr": float("nan")}, "--lr nan would teach nothing"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageProblem, match=words) as caught:
        train_config("tiny", **changes)
    assert caught.value.hint


def test_a_misspelt_preset_gets_a_proposal() -> None:
    with pytest.raises(UsageProblem) as caught:
        train_config("light")
    assert "lite" in caught.value.hint


@pytest.mark.parametrize(
    "wanted",
    [
        *(train_config(preset) for preset in PRESETS),
        train_config(
            "paper", data="some/folder with blank", out=Path("runs/x"), epochs=0.5, max_steps=7, max_minutes=1.5, image_size=64,
            batch_size=3, lr=3e-5, train_epsilon=0.013, label_modification=False, surrogate_every=5, init="sam.pth",
            surrogate_weights="mae.pth", amp=True, amp_type="fp16", workers=0, accumulate=2, recompute=True, prompt_kinds=("box", "mask"),
            sam_checkpoint=Path("sam.pth"), generator="vit_l", device="cpu", seed=4, resume=True,
        ),
    ],
    ids=lambda config: config.data if config.data != "synthetic" else config.preset,
)  # fmt: skip
def test_the_command_line_is_understood_again(wanted: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    from unseg_cli.cli.app import main
    from unseg_cli.core.events import Report
    from unseg_cli.train import loop

    seen: list[TrainConfig] = []
    monkeypatch.setattr(loop, "train", lambda config, _events: seen.append(config) or Report(document={"command": "train"}))
    main(words_of(command_line(wanted))[1:])
    assert seen == [wanted]
    assert without_option(wanted) == {}


def test_what_no_option_says_is_told_apart() -> None:
    config = train_config("tiny", lr=1e-3, noise_lr=5e-3, block_steps=3)
    assert without_option(config) == {"noise_lr": 5e-3, "block_steps": 3}
    assert "noise" not in command_line(config)


def test_the_paper_is_the_papers() -> None:
    """Every value of the released code that a setting stands for."""
    paper = train_config("paper")
    assert SPECS[paper.generator] == SPECS["vit_b"] and SPECS["vit_b"].image_size == 1024
    assert (paper.surrogate_size, paper.batch_size, paper.epochs) == (512, 4, 27)
    assert (paper.noise_lr, paper.surrogate_lr, paper.step_decay) == (1e-4, 1e-4, True)
    assert [learning_rate_factor(epoch / 27, step_decay=True) for epoch in (0, 19, 20, 26)] == [1.0, 1.0, 0.1, 0.1]
    assert (paper.train_epsilon, paper.step_settings.budget.background) == (1 / 255, 0.25 / 255)
    assert paper.label_modification and paper.loss_points == 112**2 and paper.scales == (0.1, 2.0)
    assert paper.prompt_kinds == ("box", "points", "mask") and POINTS == 10
    assert (paper.prompt_free_share, paper.degrade, paper.grey_share) == (0, 0, 0)
    schedule = plan(
        epochs=(0, 0, 27), steps_per_epoch=10, max_steps=None, block_steps=paper.block_steps, surrogate_every=paper.surrogate_every
    )
    turns = [schedule.turn(10 * epoch) for epoch in range(27)]
    assert turns == ["surrogate" if epoch % 4 == 0 else "noise" for epoch in range(27)]

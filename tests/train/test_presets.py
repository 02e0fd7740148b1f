"""What follows from a preset, and the command that says the same."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from unseg_cli.core.errors import UsageProblem
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.presets import PRESETS, command_line, train_config, without_option


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
    main(shlex.split(command_line(wanted))[1:])
    assert seen == [wanted]
    assert without_option(wanted) == {}


def test_what_no_option_says_is_told_apart() -> None:
    config = train_config("tiny", lr=1e-3, noise_lr=5e-3, block_steps=3)
    assert without_option(config) == {"noise_lr": 5e-3, "block_steps": 3}
    assert "noise" not in command_line(config)

"""Curves, samples and the model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.train.conftest import SMALL_VIT
from unseg_cli.models.build import build_generator
from unseg_cli.models.specs import SPECS
from unseg_cli.train.report import curves, draw_samples, model_card


def losses(turn: str, count: int) -> list[dict[str, Any]]:
    return [{"step": i + 1, "turn": turn, "loss": 1.0 / (i + 1), "seconds": i} for i in range(count)]


@pytest.mark.parametrize(("count", "points"), [(1, 1), (10, 1), (60, 36)])
def test_a_curve_of_one_point_is_seen(count: int, points: int) -> None:
    (line,) = curves(losses("noise", count)).axes[0].get_lines()
    assert len(line.get_xdata()) == points
    assert (line.get_marker() == "o") is (points == 1)


def test_curves_show_every_kind_of_step_and_their_mean() -> None:
    figure = curves([*losses("objects", 4), *losses("surrogate", 2)])
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["objects (mean of 4)", "surrogate (mean of 2)"]
    assert lines[1].get_ydata()[0] == pytest.approx(0.75)


@pytest.mark.parametrize("spec", [SPECS["lite"].at_size(64), SMALL_VIT], ids=lambda spec: spec.kind)
def test_samples_show_picture_mask_and_noise_of_either_kind(spec: Any, tmp_path: Path) -> None:
    generator = build_generator(spec)
    image, mask = torch.zeros(2, 3, 64, 64), torch.zeros(2, 1, 64, 64)
    image[:, 0] = 1
    mask[..., :32] = 1
    draw_samples(tmp_path, generator, image, mask)
    tiles = np.asarray(Image.open(tmp_path / "samples.png")).reshape(2, 64, 4, 64, 3)
    assert (tiles[:, :, 0] == (255, 0, 0)).all()
    assert (tiles[:, :, 1, :32] == 255).all() and (tiles[:, :, 1, 32:] == 0).all()
    assert np.array_equal(tiles[:, :, 2], tiles[:, :, 1]) is (not spec.finds_objects)
    assert tiles[:, :, 3].std() > 0


def test_the_card_counts_minutes_over_the_parts_and_names_what_python_set() -> None:
    parts = [
        {"from_step": 0, "command": "unseg train --data d", "without_option": {"block_steps": 3}, "device": "cpu"},
        {"from_step": 2, "command": "unseg train --data d --resume", "without_option": {"block_steps": 3}, "device": "cuda"},
    ]
    records = [
        {"step": 1, "turn": "noise", "loss": 0.5, "seconds": 60.0},
        {"step": 2, "turn": "noise", "loss": 0.25, "seconds": 120.0},
        {"step": 3, "turn": "noise", "loss": 0.125, "seconds": 180.0},
    ]
    records[2]["seconds"] = 60.0  # a new part
    card = model_card(build_generator(SPECS["lite"]), {"parts": parts, "weights": {"init": "ab" * 32}}, records, "cd" * 32, 5_000_000)
    for words in (
        "5.0 MB, sha256 `cdcd",
        "- made in 2 parts:\n  - from step 0: `unseg train --data d`\n  - from step 2: `unseg train --data d --resume`\n",
        "`block_steps=3`",
        "starting weights `init`: sha256 `abab",
        "cost: 3 minutes of training steps on cpu, cuda",
        "| 3 | noise | 0.125 |",
    ):
        assert words in card, words

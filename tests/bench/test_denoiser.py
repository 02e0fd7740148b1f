"""The attacker who learns from pairs of clean and protected pictures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch

from tests.datasets.makers import write_folder
from unseg_cli.bench.conditions import Condition
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.countermeasures import denoiser
from unseg_cli.bench.countermeasures.base import Pair
from unseg_cli.bench.countermeasures.denoiser import CROP, CROPS, Denoiser
from unseg_cli.bench.grid import Cell, DataRecipe, NoiseRecipe
from unseg_cli.bench.run import bench
from unseg_cli.bench.victims.schedule import Schedule
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import U8Array
from unseg_cli.core.events import Events
from unseg_cli.noise.arithmetic import apply_noise
from unseg_cli.noise.closed_form import texture_noise


def pair(seed: int, side: int = 160) -> Pair:
    """A soft picture, and the same with a texture on its left half."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    clean = (60 + 120 * np.stack([rng.random() * x + (1 - x) * y, rng.random() * y, np.full_like(x, rng.random())], -1)).astype(np.uint8)
    mask = x < 0.5
    return Pair(clean, apply_noise(clean, texture_noise(mask, cells_per_side=20), mask, NoiseBudget(8 / 255, 0)).astype(np.uint8))


def distance(one: U8Array, other: U8Array) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_it_learns_to_take_the_noise_off_pictures_that_it_has_not_seen() -> None:
    before = torch.random.get_rng_state()
    with patch.object(denoiser, "STEPS", 120), patch.object(denoiser, "BATCH", 4), patch.object(denoiser, "CROP", 64):
        learned = Denoiser(name="denoiser").learned(pair(seed) for seed in range(6))
    assert torch.equal(torch.random.get_rng_state(), before)
    clean, changed = pair(9)
    assert distance(learned.picture(changed), clean) < 0.6 * distance(changed, clean)
    assert distance(learned.picture(clean), clean) < 1.5


def test_before_it_has_learned_it_says_so() -> None:
    with pytest.raises(ValueError, match="has to learn"):
        Denoiser(name="denoiser").picture(pair(0).clean)


def test_tiles_leave_no_seams() -> None:
    with patch.object(denoiser, "STEPS", 3), patch.object(denoiser, "BATCH", 2):
        learned = Denoiser(name="denoiser").learned([pair(0)])
    picture = np.random.default_rng(0).integers(0, 256, (203, 150, 3), dtype=np.uint8)
    whole = learned.picture(picture)
    with patch.object(denoiser, "TILE", 64):
        tiled = learned.picture(picture)
    assert np.abs(whole.astype(int) - tiled).max() <= 1 and distance(whole, picture) > 0.5


def test_crops_are_of_one_place_and_small_pictures_are_filled() -> None:
    clean = np.arange(40 * 50 * 3, dtype=np.int64).reshape(40, 50, 3).astype(np.uint8)
    crops = [*denoiser._crops(Pair(clean, 255 - clean), np.random.default_rng(0))]
    assert len(crops) == CROPS
    assert all(one.clean.shape == (CROP, CROP, 3) and np.array_equal(one.changed, 255 - one.clean) for one in crops)


@pytest.mark.parametrize(("defence", "same"), [("none", True), ("denoiser", False)])
def test_what_clean_pictures_come_to_depends_on_the_noise_that_was_learned_from(defence: str, same: bool) -> None:
    clean = Condition.parse("clean", masks="gt", budget=NoiseBudget())
    cell = Cell(
        data=DataRecipe(name="x", task="binary", limit=None, objects=(1,)), victim="unet", size=(64, 64),
        schedule=Schedule(image_size=64, epochs=1, batch_size=2, lr=1e-3), condition=clean, countermeasure=defence, init="scratch", seed=0,
        noise=NoiseRecipe(generator="a", ready=None),
    )  # fmt: skip
    other = dataclasses.replace(cell, noise=NoiseRecipe(generator="b", ready=None))
    stronger = dataclasses.replace(cell, condition=dataclasses.replace(clean, budget=NoiseBudget(16 / 255)))
    assert (cell.key == other.key) is same and (cell.key == stronger.key) is same


def test_a_run_with_it(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", 4, splits=("train", "test"))
    config = BenchConfig(
        data=str(data), out=tmp_path / "run", victims=("unet",), conditions=("clean", "protected"), defences=("denoiser",), image_size=64,
        epochs=1, batch_size=2, init="scratch", device="cpu",
    )  # fmt: skip
    with patch.object(denoiser, "STEPS", 2):
        bench(config, Events())
    rows = json.loads((tmp_path / "run" / "results.json").read_text())["rows"]
    assert [(row["condition"], row["defence"]) for row in rows] == [("clean", "denoiser"), ("protected", "denoiser")]

"""What the training pictures of a bench run look like under each condition."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.bench.conftest import label_folder
from unseg_cli.bench import conditions as bench_conditions
from unseg_cli.bench.conditions import ConditionMaker, prepare
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.report.plots import COLOURS
from unseg_cli.core.events import Events
from unseg_cli.datasets.registry import open_labelled


@pytest.mark.parametrize(
    ("source", "given", "target"),
    [("gt", True, "auto"), ("auto", False, "auto"), ("whole", False, "whole"), ("uniform", False, "uniform")],
)
def test_protect_masks(quick: BenchConfig, fake_generator: list[dict[str, Any]], source: str, given: bool, target: str) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "protected", "texture"), protect_masks=source, limit=2)
    data = open_labelled(config.data, limit=2)
    maker = ConditionMaker(config, data, SimpleNamespace())  # type: ignore[arg-type]
    made = maker.batch(list(data.train), list(config.conditions), 0)
    assert fake_generator[0]["target"] == target
    masks = fake_generator[0]["masks"]
    assert all((mask is not None) == given for mask in masks)
    for i, sample in enumerate(data.train):
        truth = data.read_labels(sample) == 1
        used = {"gt": truth, "whole": np.ones_like(truth), "uniform": np.ones_like(truth)}.get(source)
        change = np.abs(made["texture"][i].astype(int) - made["clean"][i]).max(2)
        if used is None:
            used = np.zeros_like(truth)
            used[16:48, 16:48] = True
        assert set(change[used]) == {8}
        assert set(change[~used]) <= {2}
        assert np.array_equal(made["texture"][i], made["protected"][i])


def test_only_training_pictures_change_and_at_their_own_size(quick: BenchConfig, fake_generator: Any) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "protected", "random"), defences=("none", "gray"), limit=4)
    data = open_labelled(config.data, limit=4)
    keys = {(c, d, (32, 32)) for c in config.conditions for d in config.defences}
    pictures = prepare(ConditionMaker(config, data, SimpleNamespace()), data, keys, Events())  # type: ignore[arg-type]
    assert set(pictures.train) == keys
    assert set(pictures.test) == {("none", (32, 32)), ("gray", (32, 32))}  # one clean set a defence: no condition is in the key
    gray = pictures.test["gray", (32, 32)]
    assert torch.equal(gray[:, 0], gray[:, 1])
    assert pictures.noise["protected"]["linf_255"] == 8  # measured before resizing to 32
    clean, protected = (pictures.train[c, "none", (32, 32)].int() for c in ("clean", "protected"))
    assert 0 < (clean - protected).abs().max() <= 8


def test_files_of_one_channel_stay_grey(tmp_path: Path, quick: BenchConfig) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for kind in ("images", "masks"):
            (tmp_path / kind / split).mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8)).save(tmp_path / "images" / split / "a.png")
        Image.fromarray(np.kron(np.eye(2, dtype=np.uint8), np.full((20, 20), 255, np.uint8))).save(tmp_path / "masks" / split / "a.png")
    config = dataclasses.replace(quick, data=str(tmp_path), conditions=("clean", "random"))
    data = open_labelled(config.data)
    made = ConditionMaker(config, data, None).batch(list(data.train), ["clean", "random"], 0)
    change = made["random"][0].astype(int) - made["clean"][0]
    assert change.any()
    assert not np.diff(change, axis=2).any()


def test_every_condition_has_a_colour() -> None:
    assert set(bench_conditions.CONDITIONS) == set(COLOURS)


def test_three_mask_sources_side_by_side(quick: BenchConfig, fake_generator: list[dict[str, Any]]) -> None:
    config = dataclasses.replace(quick, conditions=("clean", "protected", "protected-auto", "protected-whole"), limit=2)
    data = open_labelled(config.data, limit=2)
    samples = list(data.train)
    together = ConditionMaker(config, data, SimpleNamespace()).batch(samples, list(config.conditions), 0)  # type: ignore[arg-type]
    for condition, source in (("protected", "gt"), ("protected-auto", "auto"), ("protected-whole", "whole")):
        alone = dataclasses.replace(config, protect_masks=source)
        made = ConditionMaker(alone, data, SimpleNamespace()).batch(samples, ["protected"], 0)  # type: ignore[arg-type]
        assert np.array_equal(together[condition], made["protected"])
    assert not np.array_equal(together["protected"], together["protected-auto"])
    assert not np.array_equal(together["protected-auto"], together["protected-whole"])


def test_per_class_noise_tells_classes_apart(tmp_path: Path, quick: BenchConfig, fake_generator: list[dict[str, Any]]) -> None:
    conditions = ("clean", "protected", "protected-per-class")
    config = dataclasses.replace(quick, data=str(label_folder(tmp_path / "data")), conditions=conditions)
    data = open_labelled(config.data, limit=None)
    made = ConditionMaker(config, data, SimpleNamespace()).batch(list(data.train), list(config.conditions), 0)  # type: ignore[arg-type]
    for sample, clean, noisy in zip(data.train, made["clean"], made["protected-per-class"], strict=True):
        labels, change = data.read_labels(sample), noisy.astype(int) - clean
        colours = [{tuple(row) for row in np.sign(change[labels == label])} for label in range(3)]
        assert all(a.isdisjoint(b) for i, a in enumerate(colours) for b in colours[:i])
        assert np.abs(change[labels == 255]).max() <= 2
        assert np.abs(change[labels != 255]).max() <= 8

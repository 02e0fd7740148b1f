"""A task decides how victims are trained and judged, not the number of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from unseg_cli.bench import TASKS, VICTIMS
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.headlines import HEADLINES
from unseg_cli.bench.run import bench
from unseg_cli.bench.victims.base import VictimSpec
from unseg_cli.core.events import Events


def two_classes(root: Path) -> str:
    """Pictures in halves of two classes with names, neither of which is background."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for number in range(4):
            label = np.zeros((64, 64), np.uint8)
            label[int(rng.integers(20, 44)) :] = 1
            image = np.array([[150, 190, 230], [90, 90, 95]])[label] + rng.normal(0, 8, (64, 64, 3))
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(root / "images" / split / f"{number}.png")
            Image.fromarray(label).save(root / "masks" / split / f"{number}.png")
    (root / "classes.json").write_text('["Sky", "Road"]')
    return str(root)


def test_a_semantic_set_of_two_classes_is_judged_by_the_mean_of_both(tmp_path: Path) -> None:
    config = BenchConfig(
        data=two_classes(tmp_path / "data"), conditions=("clean",), image_size=64, epochs=2, batch_size=2, out=tmp_path / "run",
        device="cpu", init="scratch",
    )  # fmt: skip
    (row,) = bench(config, Events()).document["rows"]
    assert row["metric"] == "miou"
    lines = (tmp_path / "run" / "per_class.csv").read_text().splitlines()[1:]
    sky, road = (float(line.rpartition(",")[2]) for line in lines)
    assert sky != road
    assert row["final"] == row["scores"]["miou"] == pytest.approx((sky + road) / 2)
    assert (row["final_dice"], set(row["scores"])) == (None, {"miou", "miou_per_picture", "accuracy"})


@pytest.mark.parametrize(("task", "planes"), [("binary", 1), ("semantic", 2)])
def test_the_task_decides_what_a_network_of_two_classes_says(task: str, planes: int) -> None:
    victim = VICTIMS["unet"].build(VictimSpec(task=task, classes=("a", "b"), pretrained=False, side=64))
    assert victim.eval().network(torch.rand(1, 3, 32, 32)).shape[1] == planes


def test_the_table_is_whole() -> None:
    assert {task.name for task in TASKS.values()} == set(TASKS) == set(HEADLINES)
    assert set(TASKS) == {"binary", "semantic", "instance", "detection", "panoptic", "interactive"}
    assert all(set(entry.tasks) <= set(TASKS) for entry in VICTIMS.values())

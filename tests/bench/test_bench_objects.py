"""The bench from end to end on tasks that tell objects apart."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.datasets.makers import write_labelled_coco
from tests.datasets.published import write_camvid
from unseg_cli.bench import VICTIMS
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.results import learned, summarise
from unseg_cli.bench.run import bench
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events

PAIRS = [
    ("maskrcnn", "instance"), ("rsprompter", "instance"), ("mask2former", "instance"), ("fasterrcnn", "detection"), ("dfine", "detection"),
    ("mask2former", "panoptic"), ("sam", "interactive"), ("sam-hq", "interactive"), ("mask2former", "semantic"),
]  # fmt: skip


def config(data: str, out: Path, **more: Any) -> BenchConfig:
    settings: dict[str, Any] = {
        "data": data, "out": out, "conditions": ("clean", "random"), "image_size": 64, "epochs": 1, "batch_size": 2, "device": "cpu",
        "init": "scratch",
    }  # fmt: skip
    return BenchConfig(**(settings | more))


@pytest.mark.parametrize(("victim", "task"), PAIRS)
def test_every_task_leaves_the_files_of_the_contract(victim: str, task: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    document = bench(config(write_labelled_coco(tmp_path, train=4), run, victims=(victim,), task=task), Events()).document
    assert document["task"] == task
    written = json.loads((run / "results.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert written == document
    for row in document["rows"]:
        assert 0 <= row["final"] <= 100 and row["floor"] >= 0 and row["scores"][row["metric"]] == row["final"]
    per_class = list(csv.DictReader((run / "per_class.csv").read_text().splitlines()))
    assert {row["class"] for row in per_class} == {"background", "square", "blob"}
    with Image.open(run / "samples.png") as image:
        assert image.size[0] > 64
    assert task in (run / "summary.md").read_text()


def test_defences_that_move_pictures_move_objects(tmp_path: Path) -> None:
    made = config(
        write_labelled_coco(tmp_path, train=4), tmp_path / "run", victims=("maskrcnn",), conditions=("clean",),
        defences=("crop-and-scale", "mixup", "cutmix"),
    )  # fmt: skip
    assert [row["defence"] for row in bench(made, Events()).document["rows"]] == ["crop-and-scale", "mixup", "cutmix"]


def test_protected_objects_are_those_of_the_annotations(tmp_path: Path, fake_generator: Any) -> None:
    text = write_labelled_coco(tmp_path, train=4)
    document = bench(config(text, tmp_path / "run", victims=("maskrcnn",), conditions=("protected",), classes=("blob",)), Events()).document
    assert document["noise"]["protected"]["linf_255"] > 0
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["data"]["foreground_classes"] == ["blob"] and run["data"]["classes"] == ["background", "blob"]


def test_boxes_alone_are_detected_and_it_is_said(tmp_path: Path, fake_generator: Any) -> None:
    text = write_labelled_coco(tmp_path, train=4)
    for path in tmp_path.rglob("instances.json"):
        document = json.loads(path.read_text())
        for one in document["annotations"]:
            one.update(bbox=[10, 10, 20, 20], segmentation=[])
        path.write_text(json.dumps(document))
    said: list[str] = []

    class Listening(Events):
        def warn(self, text: str) -> None:
            said.append(text)

    made = config(text, tmp_path / "run", victims=("fasterrcnn",), conditions=("clean", "protected"), task="detection")
    document = bench(made, Listening()).document
    assert [row["condition"] for row in document["rows"]] == ["clean", "protected"] and document["noise"]["protected"]["linf_255"] > 0
    assert [line for line in said if "have a box and no outline: the whole box is the mask" in line]


def test_things_of_a_folder_are_told_apart(tmp_path: Path) -> None:
    data = str(write_camvid(tmp_path / "camvid"))
    document = bench(config(data, tmp_path / "run", victims=("mask2former",), task="panoptic", conditions=("clean",)), Events()).document
    assert (document["task"], document["rows"][0]["metric"]) == ("panoptic", "pq")


def test_a_victim_that_cannot_do_the_task_is_named(tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path)
    with pytest.raises(UsageProblem, match="unet cannot do the task instance") as caught:
        bench(config(text, tmp_path / "run"), Events())
    assert "maskrcnn" in caught.value.hint and "mask2former" in caught.value.hint


def test_files_of_another_size_are_refused_where_objects_would_stay_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="--source-size is not for the task instance"):
        bench(config(write_labelled_coco(tmp_path), tmp_path / "run", victims=("maskrcnn",), source_size=64), Events())


def test_no_drop_is_said_of_whoever_has_learned_nothing() -> None:
    row = {
        "victim": "a", "condition": "clean", "defence": "none", "init": "scratch", "ratio": 1.0, "metric": "ap", "seed": 0, "final": 5.0,
        "best": 5.0, "final_per_picture": None, "floor": 6.0,
    }  # fmt: skip
    rows = [row, row | {"condition": "protected", "final": 1.0}]
    assert [entry["relative_drop"] for entry in summarise(rows)] == [None, None]
    better = [one | {"floor": 2.0} for one in rows]
    assert [entry["relative_drop"] for entry in summarise(better)] == [0, 80]
    assert [entry["relative_drop"] for entry in summarise([{k: v for k, v in one.items() if k != "floor"} for one in rows])] == [0, 80]
    assert learned([row, row | {"final": 9.0}]) and not learned([row])


def test_a_victim_learns_objects_of_a_colour(tmp_path: Path) -> None:
    """Red squares on noise: Mask R-CNN finds most of them after a few dozen steps from ImageNet weights, and none when trained on grey."""
    for split, count in (("train", 24), ("val", 6)):
        images, annotations = [], []
        for number in range(count):
            rng = np.random.default_rng((number, split == "val"))
            picture = rng.integers(0, 90, (96, 96, 3), dtype=np.uint8)
            top, left, side = int(rng.integers(4, 40)), int(rng.integers(4, 40)), int(rng.integers(28, 50))
            picture[top : top + side, left : left + side, 0] += 150
            (tmp_path / split).mkdir(exist_ok=True)
            Image.fromarray(picture).save(tmp_path / split / f"{number}.png")
            images.append({"id": number, "file_name": f"{number}.png", "height": 96, "width": 96})
            right, bottom = left + side, top + side
            outline = [left, top, right, top, right, bottom, left, bottom]
            annotations.append(
                {"id": number + 1, "image_id": number, "category_id": 1, "area": side**2, "bbox": [left, top, side, side],
                 "iscrowd": 0, "segmentation": [outline]}
            )  # fmt: skip
        document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "square"}]}
        (tmp_path / f"{split}.json").write_text(json.dumps(document))
    data = f"coco:{tmp_path / 'train'}:{tmp_path / 'train.json'}:{tmp_path / 'val'}:{tmp_path / 'val.json'}"
    made = config(
        data, tmp_path / "run", victims=("maskrcnn",), conditions=("clean",), image_size=96, epochs=10, batch_size=4, init="pretrained"
    )
    torch.manual_seed(0)
    (row,) = bench(made, Events()).document["rows"]
    assert row["best"] > 40 > row["floor"]


def test_the_table_names_a_victim_for_every_task() -> None:
    assert {task for _, task in PAIRS} <= {task for entry in VICTIMS.values() for task in entry.tasks}

"""Annotations in COCO's format as a data set for benchmarks, and what is said of bad ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.datasets.makers import write_coco, write_labelled_coco
from unseg_cli.core.errors import NothingToDo, UnsegError, UsageProblem
from unseg_cli.datasets.registry import open_labelled, open_training
from unseg_cli.datasets.sample import Segment

Document = dict[str, Any]


def test_classes_are_those_with_objects_and_their_numbers_are_labels(tmp_path: Path) -> None:
    data = open_labelled(write_labelled_coco(tmp_path))
    assert (data.task, data.classes, data.ids, data.things) == ("instance", ("background", "square", "blob"), (0, 1, 3), (1, 2))
    assert data.foreground_labels(None) == (1, 2) and data.foreground_labels("class:3") == (2,)
    truth = data.train[0].truth()
    assert [(one.category, one.crowd) for one in truth.segments] == [(1, False), (2, False), (1, True)]
    assert truth.labels is not None and set(np.unique(truth.labels)) == {0, 1, 2}
    square = truth.segments[0].mask()
    assert (truth.labels[square & ~truth.segments[1].mask()] == 1).all()


def test_some_classes_count_where_they_are_named(tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path)
    data = open_labelled(text, classes=("blob",))
    assert (data.classes, data.ids) == (("background", "blob"), (0, 3))
    assert [len(one.truth().segments) for one in (*data.train, *data.test)] == [1] * 5
    with pytest.raises(UsageProblem, match=r"--classes 'blop' is no class of .*instances\.json"):
        open_labelled(text, classes=("blop",))
    with pytest.raises(NothingToDo, match="no object of these classes"):
        open_labelled(text, classes=("of which there is none",))


def test_pictures_without_an_object_teach_nothing_and_are_tested(tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path)
    for split in ("train", "val"):
        change(tmp_path / split / "instances.json", lambda document: document["annotations"].__delitem__(slice(0, 3)))
    data = open_labelled(text)
    assert [one.id for one in data.train] == ["a1", "a2"]
    assert [(one.id, len(one.truth().segments)) for one in data.test] == [("a0", 0), ("a1", 3)]
    assert len(open_labelled(text, limit=1).train) == 1


@pytest.mark.parametrize("task", ["instance", "detection", "panoptic", "interactive", "semantic"])
def test_the_task_is_the_one_that_is_asked_for(task: str, tmp_path: Path) -> None:
    assert open_labelled(write_labelled_coco(tmp_path), task=task).task == task


def change(path: Path, how: Callable[[Document], object]) -> None:
    document = json.loads(path.read_text())
    how(document)
    path.write_text(json.dumps(document))


def _set(name: str, place: int, key: str, value: object) -> Callable[[Document], object]:
    return lambda document: document[name][place].__setitem__(key, value)


def _counts(counts: object) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        (picture,) = (one for one in document["images"] if one["id"] == document["annotations"][0]["image_id"])
        document["annotations"][0]["segmentation"] = {"size": [picture["height"], picture["width"]], "counts": counts}

    return change


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda document: document.pop("images"), 'has no list "images"'),
        (lambda document: document.__setitem__("annotations", {}), 'has no list "annotations"'),
        (_set("images", 1, "height", None), 'entry 1 of "images" has no "height"'),
        (_set("images", 0, "file_name", "../x.jpg"), "names a picture outside of"),
        (_set("images", 0, "file_name", "gone.jpg"), "names .*gone.jpg, which is not there"),
        (_set("annotations", 2, "image_id", 99), "an object is in picture 99, which is not listed"),
        (_set("annotations", 2, "category_id", 8), "an object is of class 8, which is not listed"),
        (lambda document: document.pop("categories"), 'has no "categories"'),
        (lambda document: document["annotations"].clear(), "has no object"),
        (lambda document: document["images"].append(document["images"][0]), '"images" lists . 2 times'),
        (lambda document: document["categories"].append(document["categories"][0]), '"categories" lists . 2 times'),
        (lambda document: document["annotations"][0].pop("segmentation"), r"object .* in .*: it has no outline"),
        (_set("annotations", 0, "segmentation", "a circle"), "has no outline"),
        (_set("annotations", 0, "segmentation", []), "no polygon of three points"),
        (_set("annotations", 0, "segmentation", [[1, 1, 5, 5]]), "no polygon of three points"),
        (_set("annotations", 0, "segmentation", [[1, 1, 5, 5, 7]]), "not a list of polygons"),
        (_set("annotations", 0, "segmentation", [[1, 1, 5, 5, 7, float("nan")]]), "not a list of polygons"),
        (_set("annotations", 0, "segmentation", [1, 1, 5, 5, 7, 9]), "not a list of polygons"),
        (_set("annotations", 0, "segmentation", {"size": [3, 5], "counts": "PPYo1"}), r"its mask is of .*\[3, 5\], the picture of"),
        (_counts([5, 10]), "the counts of its mask"),
        (_counts(["a"]), "the counts of its mask"),
        (_counts(None), "the counts of its mask"),
        (_set("annotations", 0, "bbox", [1, 2]), "its box is not"),
        (_set("annotations", 0, "area", "large"), "its area is no number"),
    ],
)
def test_bad_annotations_are_one_clear_line(how: Callable[[Document], object], said: str, tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path)
    change(tmp_path / "train" / "instances.json", how)
    with pytest.raises(UnsegError, match=said) as caught:
        open_labelled(text)
    assert "\n" not in caught.value.message and caught.value.hint and str(tmp_path) in caught.value.message


def _boxes_alone(document: Document) -> None:
    for place, entry in enumerate(document["annotations"]):
        entry["bbox"] = [10, 5, 20, 30]
        del entry["segmentation"]
        if place:
            entry["segmentation"] = [[], [[]], None][place % 3]


def test_a_box_alone_does_where_objects_are_detected(tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path)
    for split in ("train", "val"):
        change(tmp_path / split / "instances.json", _boxes_alone)
    data = open_labelled(text, task="detection")
    inside = np.zeros((48, 48), bool)
    inside[5:35, 10:30] = True
    masks = [one.mask() for sample in (*data.train, *data.test) for one in sample.truth().segments]
    assert data.notes == ("15 objects have a box and no outline: the whole box is the mask",)
    assert len(masks) == 15 and all(np.array_equal(mask, inside) for mask in masks)
    assert open_labelled(text, boxes=True).task == "instance"
    for task in (None, "instance", "panoptic", "interactive", "semantic"):
        with pytest.raises(UsageProblem, match="it has no outline") as caught:
            open_labelled(text, task=task)
        assert "--task detection" in caught.value.hint
    with pytest.raises(UsageProblem, match="no outline") as caught:
        open_training(f"coco:{tmp_path / 'train'}:{tmp_path / 'train' / 'instances.json'}")
    assert "--task detection" in caught.value.hint


@pytest.mark.parametrize("box", [None, [10, 10, 0, 5], [1, 2], [1, 2, 3, float("nan")], "wide"])
def test_a_box_that_is_none_stands_for_nothing(box: object, tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path)
    change(tmp_path / "train" / "instances.json", lambda document: document["annotations"][0].update(bbox=box, segmentation=None))
    with pytest.raises(UsageProblem, match=r"object .*: (it has no outline|its box is not)") as caught:
        open_labelled(text, task="detection")
    assert caught.value.hint == "mend or remove it"


def test_polygons_of_two_points_are_no_part_of_an_outline(tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path)
    before = [one.mask() for one in open_labelled(text).train[0].truth().segments]

    def with_a_line(document: Document) -> None:
        (first, *_) = (one["segmentation"] for one in document["annotations"] if isinstance(one["segmentation"], list))
        first.insert(0, [0, 0, 9, 9])

    change(tmp_path / "train" / "instances.json", with_a_line)
    after = [one.mask() for one in open_labelled(text).train[0].truth().segments]
    assert before and all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_of_an_object_without_area_nothing_is_asked(tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path)
    before = len(open_labelled(text).train[0].truth().segments)
    change(tmp_path / "train" / "instances.json", lambda document: document["annotations"][0].update(area=0, segmentation=[]))
    assert len(open_labelled(text).train[0].truth().segments) == before - 1


def test_a_mask_that_cannot_be_decoded_is_one_clear_line() -> None:
    with pytest.raises(UnsegError, match="the mask of an object cannot be decoded"):
        Segment(size=(4, 4), shape={"size": [4, 4], "counts": [2, -3, 17]}).mask()


def test_what_is_no_json_or_not_there_is_one_clear_line(tmp_path: Path) -> None:
    text = write_labelled_coco(tmp_path)
    file = Path("val", "instances.json")
    (tmp_path / "val" / "instances.json").write_text('{"images": [')
    with pytest.raises(UsageProblem, match=re.escape(f"{file} is no JSON")):
        open_labelled(text)
    (tmp_path / "val" / "instances.json").unlink()
    with pytest.raises(UsageProblem, match=re.escape(f"{file} cannot be read")):
        open_labelled(text)
    with pytest.raises(UsageProblem, match="two folders and two files") as caught:
        open_labelled(write_coco(tmp_path / "one"))
    assert "coco:IMAGES_TRAIN:JSON_TRAIN:IMAGES_VAL:JSON_VAL" in caught.value.hint


def test_a_generator_is_trained_without_names_of_classes(tmp_path: Path) -> None:
    text = write_coco(tmp_path)
    change(tmp_path / "instances.json", lambda document: document.pop("categories"))
    (one,) = open_training(text)
    assert len(one.samples) == 1


def test_classes_are_not_for_folders(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="--classes is for data whose objects have classes"):
        open_labelled("synthetic", classes=("person",))
    with pytest.raises(UsageProblem, match="--task 'instance' cannot be measured on"):
        open_labelled("synthetic", task="instance")

"""Published data sets in their published layouts, read as benchmarks read them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.datasets import published
from tests.datasets.battery import Battery, Opened
from unseg_cli.bench.tasks import TASKS as BENCH_TASKS
from unseg_cli.core.errors import NothingToDo, UnsegError, UsageProblem
from unseg_cli.datasets.kinds.coco_layouts import LAYOUTS
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.registry import open_labelled


class TestVoc(Battery):
    has_void = True

    def make(self, root: Path) -> Callable[[], Opened]:
        text = f"voc:{published.write_voc(root)}"
        return lambda: open_labelled(text)


class TestAde20k(Battery):
    has_void = True

    def make(self, root: Path) -> Callable[[], Opened]:
        text = f"ade20k:{published.write_ade20k(root)}"
        return lambda: open_labelled(text)


class TestCityscapes(Battery):
    has_void = True

    def make(self, root: Path) -> Callable[[], Opened]:
        text = f"cityscapes:{published.write_cityscapes(root)}"
        return lambda: open_labelled(text)


class TestKvasir(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        text = f"kvasir:{published.write_kvasir(root)}"
        return lambda: open_labelled(text)


class TestLabelledHqseg(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        text = f"hqseg44k:{published.write_hqseg44k(root)}"
        return lambda: open_labelled(text)


class TestCocoPanoptic(Battery):
    has_void = True

    def make(self, root: Path) -> Callable[[], Opened]:
        text = f"coco-panoptic:{published.write_coco_panoptic(root)}"
        return lambda: open_labelled(text)


class TestNwpu(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        text = f"nwpu:{published.write_layout('nwpu', root)}"
        return lambda: open_labelled(text)


class TestCamvid(Battery):
    scans_masks = True
    has_void = True

    def make(self, root: Path) -> Callable[[], Opened]:
        text = f"camvid:{published.write_camvid(root)}"
        return lambda: open_labelled(text, task="panoptic")


def ids(data: LabelledData) -> tuple[list[str], list[str]]:
    return [one.id for one in data.train], [one.id for one in data.test]


def values(data: LabelledData) -> set[int]:
    return {int(value) for one in (*data.train, *data.test) for value in np.unique(data.read_labels(one))}


def test_voc_has_its_21_classes_and_more_pictures_where_they_are(tmp_path: Path) -> None:
    data = open_labelled(f"voc:{published.write_voc(tmp_path / 'a')}")
    assert (data.task, len(data.classes), data.classes[15]) == ("semantic", 21, "person")
    assert [len(split) for split in ids(data)] == [2, 1] and values(data) == {0, 1, 2, 3, 255}
    more = open_labelled(f"voc:{published.write_voc(tmp_path / 'b', augmented=True)}")
    assert [len(split) for split in ids(more)] == [3, 1] and 4 in values(more)


def test_ade20k_counts_from_its_second_value(tmp_path: Path) -> None:
    data = open_labelled(f"ade20k:{published.write_ade20k(tmp_path / 'a')}")
    assert (len(data.classes), data.classes[0], values(data)) == (150, "class 1", {2, 149, 255})
    named = open_labelled(f"ade20k:{published.write_ade20k(tmp_path / 'b', names=True).parent}")
    assert named.classes[149] == "name 150"


def test_cityscapes_has_its_19_classes_and_tells_objects_apart(tmp_path: Path) -> None:
    home = published.write_cityscapes(tmp_path)
    data = open_labelled(f"cityscapes:{home}")
    assert (len(data.classes), data.classes[13], data.things) == (19, "car", tuple(range(11, 19)))
    assert values(data) == {0, 13, 255}
    found = open_labelled(f"cityscapes:{home}", task="panoptic")
    assert found.task == "panoptic"
    segments = found.test[0].truth().segments
    assert sorted((one.category, one.crowd) for one in segments) == [(13, False), (13, True)]
    assert next(one for one in segments if one.crowd).mask().sum() == 64


def test_kvasir_is_split_by_its_lists_or_one_in_eight(tmp_path: Path) -> None:
    home = published.write_kvasir(tmp_path)
    data = open_labelled(f"kvasir:{home}")
    assert (data.task, data.classes, values(data)) == ("binary", ("background", "polyp"), {0, 1})
    assert ids(data) == ([f"images/c{n}" for n in range(1, 8)], ["images/c0", "images/c8"])
    (home / "Kvasir-SEG" / "train.txt").write_text("c3\nc4.jpg\n")
    (home / "Kvasir-SEG" / "val.txt").write_text("c5\n")
    assert ids(open_labelled(f"kvasir:{home}")) == (["images/c3", "images/c4"], ["images/c5"])
    assert len(open_labelled(f"kvasir:{home}", task="interactive").test[0].truth().segments) >= 1


def test_hqseg_trains_and_tests_on_its_authors_sets_and_a_mask_is_one_object(tmp_path: Path) -> None:
    home = published.write_hqseg44k(tmp_path)
    data = open_labelled(f"hqseg44k:{home}", task="interactive")
    trained, tested = ([Path(one).parts[1] for one in split] for split in ids(data))
    assert sorted(trained) == ["DIS-TR", "DUTS-TR", "ThinObject5K", "ecssd"]
    assert sorted(tested) == ["COIFT", "DIS-VD", "HRSOD", "ThinObject5K"]
    (segment,) = data.train[0].truth().segments
    assert segment.category == 1 and segment.mask()[42, 2] and segment.mask().sum() > 30
    shutil.rmtree(home / "thin_object_detection")
    assert [len(split) for split in ids(open_labelled(f"hqseg44k:{home}"))] == [3, 1]


@pytest.mark.parametrize("kind", LAYOUTS)
def test_sets_in_cocos_format_have_their_own_folders(kind: str, tmp_path: Path) -> None:
    home = published.write_layout(kind, tmp_path)
    data = open_labelled(f"{kind}:{home}", classes=("blob",))
    assert (data.task, ids(data)) == ("instance", (["0-a0", "0-a1"], ["1-a0", "1-a1"]))
    shutil.rmtree(home / "annotations")
    with pytest.raises(UsageProblem, match=r"there is no .*annotations") as caught:
        open_labelled(f"{kind}:{home}")
    assert "ROOT holds imgs" in caught.value.hint


def test_panoptic_numbers_are_areas_and_objects(tmp_path: Path) -> None:
    text = f"coco-panoptic:{published.write_coco_panoptic(tmp_path)}"
    data = open_labelled(text)
    assert (data.task, data.classes, data.ids, data.things) == ("panoptic", ("car", "sky", "ground"), (3, 119, 200), (0,))
    assert values(data) == {0, 1, 2, 255} and ids(data) == (["0", "1", "2"], ["0", "1"])
    assert [[one.crowd for one in sample.truth().segments] for sample in data.train] == [[False], [False, True], [False]]
    divided = BENCH_TASKS["panoptic"].target(data.train[1].truth())
    assert divided.segments is not None and sorted(divided.segments.classes.tolist()) == [0, 1, 2]
    assert open_labelled(text, task="instance", limit=1).task == "instance"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: document.pop("categories"), "lacks annotations, categories or images"),
        (lambda document: document["categories"][0].pop("isthing"), "a category lacks 'isthing'"),
        (lambda document: document["annotations"][0].pop("segments_info"), "an annotation lacks 'segments_info'"),
        (lambda document: document["annotations"][0]["segments_info"][0].update(category_id=5), "of class 5, which is not listed"),
        (lambda document: document["annotations"][0].update(file_name="../x.png"), "which is not there"),
        (lambda document: document["annotations"].clear(), "names no picture"),
    ],
)
def test_bad_panoptic_annotations_are_one_clear_line(change: Callable[[Any], object], said: str, tmp_path: Path) -> None:
    text = published.write_coco_panoptic(tmp_path)
    path = tmp_path / "panoptic_train.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises((UsageProblem, NothingToDo), match=said) as caught:
        open_labelled(f"coco-panoptic:{text}")
    assert "\n" not in caught.value.message and caught.value.hint
    with pytest.raises(UsageProblem, match="a folder, a file and a folder of numbers"):
        open_labelled("coco-panoptic:a:b")


def test_numbers_of_another_version_are_named(tmp_path: Path) -> None:
    text = published.write_coco_panoptic(tmp_path)
    shutil.copy(tmp_path / "panoptic_train" / "0.png", tmp_path / "panoptic_train" / "1.png")
    data = open_labelled(f"coco-panoptic:{text}")
    with pytest.raises(UnsegError, match=r"1\.png: there is no segment 12"):
        data.train[1].truth()


def test_regions_of_things_are_objects_and_crumbs_are_none(tmp_path: Path) -> None:
    home = published.write_camvid(tmp_path)
    data = open_labelled(str(home), task="instance")
    assert data.things == (1, 2)
    segments = data.train[0].truth().segments
    cars = [one for one in segments if one.category == 1]
    assert sorted((int(one.mask().sum()), one.crowd) for one in cars) == [(1, True), (36, False)]
    assert open_labelled(f"camvid:{home}").task == "semantic"


def test_camvid_knows_its_things(tmp_path: Path) -> None:
    home = published.write_camvid(tmp_path)
    names = ["Road", "Car", "Pole", *(f"class {number}" for number in range(3, 11)), "Void"]
    (home / "classes.json").write_text(json.dumps(names))
    data = open_labelled(f"camvid:{home}", task="panoptic")
    assert (data.task, data.things) == ("panoptic", (1, 2))
    assert open_labelled(f"camvid:{home}").things is None


def test_without_things_there_are_no_objects(tmp_path: Path) -> None:
    home = published.write_camvid(tmp_path)
    (home / "classes.json").unlink()
    with pytest.raises(UsageProblem, match="is a thing") as caught:
        open_labelled(str(home), task="panoptic")
    assert "classes.json" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "missing", "said"),
    [
        ("voc", "VOC2012/ImageSets/Segmentation/val.txt", "val.txt"),
        ("voc", "VOC2012/SegmentationClass/2007_000063.png", "2007_000063.png"),
        ("voc", "VOC2012/JPEGImages", "JPEGImages"),
        ("ade20k", "annotations/validation/ADE_val_1.png", "ADE_val_1.png"),
        ("ade20k", "annotations", "annotations/"),
        ("cityscapes", "gtFine", "gtFine"),
        ("cityscapes", "gtFine/val/munster/munster_000002_000019_gtFine_instanceIds.png", "munster"),
        ("kvasir", "Kvasir-SEG/masks", "masks/"),
        ("kvasir", "Kvasir-SEG/masks/c3.jpg", "c3"),
    ],
)
def test_what_is_missing_is_named_in_one_line(kind: str, missing: str, said: str, tmp_path: Path) -> None:
    home = getattr(published, f"write_{kind}")(tmp_path)
    path = home / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises((UsageProblem, NothingToDo), match=said) as caught:
        open_labelled(f"{kind}:{home}")
    assert "\n" not in caught.value.message and caught.value.hint


def test_a_split_without_pictures_is_nothing_to_do(tmp_path: Path) -> None:
    home = published.write_cityscapes(tmp_path)
    shutil.rmtree(home / "leftImg8bit" / "val")
    with pytest.raises(NothingToDo, match="a split without a picture"):
        open_labelled(f"cityscapes:{home}")
    with pytest.raises(UsageProblem, match="no folder"):
        open_labelled(f"voc:{tmp_path / 'nowhere'}")

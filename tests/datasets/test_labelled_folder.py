"""Data folders: pairs, tasks, classes, void, foreground rules, and clear words for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unseg_cli.core.errors import NothingToDo, UnsegError, UsageProblem
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.datasets.sample import FileSource, read_image


def write(root: Path, split: str, stem: str, mask: np.ndarray, *, suffix: str = ".png", mode: str | None = None) -> None:
    for kind in ("images", "masks"):
        (root / kind / split).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (mask.shape[1], mask.shape[0]), (10, 20, 30)).save(root / "images" / split / f"{stem}.jpg")
    Image.fromarray(mask.astype(np.uint8), mode="L").save(root / "masks" / split / f"{stem}{suffix}") if mode is None else (
        Image.fromarray(mask.astype(np.uint8)).convert(mode).save(root / "masks" / split / f"{stem}{suffix}")
    )


def folder(root: Path, values: list[int], *, test: str = "test", **more: str) -> Path:
    mask = np.resize(np.array(values), (6, 8))
    for split in ("train", test):
        for stem in ("b", "a"):
            write(root, split, stem, mask, **more)
    return root


@pytest.mark.parametrize("values", [[0, 255], [0, 1], [0, 7]])
def test_two_values_are_binary(tmp_path: Path, values: list[int]) -> None:
    data = open_labelled(str(folder(tmp_path, values)))
    assert data.task == "binary"
    assert [sample.id for sample in data.train] == ["a", "b"]
    assert np.array_equal(data.read_labels(data.train[0]), np.resize([0, 1], (6, 8)))
    assert data.foreground_labels(None) == (1,)


def test_one_bit_masks_and_rgb_masks_are_binary(tmp_path: Path) -> None:
    for mode in ("1", "RGB"):
        data = open_labelled(str(folder(tmp_path / mode, [0, 255], mode=mode)))
        assert data.task == "binary"
        assert np.array_equal(data.read_labels(data.test[0]), np.resize([0, 1], (6, 8)))


def test_lossy_masks_are_binary_and_cut_at_half(tmp_path: Path) -> None:
    mask = np.zeros((32, 32), int)
    mask[8:24, 8:24] = 255
    for split in ("train", "test"):
        write(tmp_path, split, "a", mask, suffix=".jpg")
    data = open_labelled(str(tmp_path))
    assert data.task == "binary"
    assert np.array_equal(data.read_labels(data.train[0]), mask // 255)


def test_masks_of_one_value_each_mark_their_object_whatever_the_value(tmp_path: Path) -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 2:6] = 1
    for split, stem, pixels, mode in (
        ("train", "a", mask * np.uint8(255), "1"),
        ("train", "b", mask, None),
        ("train", "c", mask * 0, None),
        ("test", "d", mask * np.uint8(255), None),
        ("test", "e", mask * np.uint8(100), None),
    ):
        write(tmp_path, split, stem, pixels, mode=mode)
    data = open_labelled(str(tmp_path), task="binary")
    a, b, c, d, e = (data.read_labels(sample) for sample in (*data.train, *data.test))
    for labels in (a, b, d, e):
        assert np.array_equal(labels, mask)
    assert not c.any()


def test_label_ids_with_void(tmp_path: Path) -> None:
    data = open_labelled(str(folder(tmp_path, [0, 1, 2, 255])))
    assert (data.task, data.classes, data.ids) == ("semantic", ("class 0", "class 1", "class 2"), (0, 1, 2))
    assert np.array_equal(np.unique(data.read_labels(data.train[0])), [0, 1, 2, 255])
    assert data.foreground_labels(None) == (1, 2)
    assert data.foreground_labels("not-void") == (0, 1, 2)
    assert data.foreground_labels("class:2") == (2,)
    with pytest.raises(UsageProblem, match="no such class"):
        data.foreground_labels("class:9")
    with pytest.raises(UsageProblem):
        data.foreground_labels("panoptic-rgb")


def test_classes_json_names_void_and_things(tmp_path: Path) -> None:
    classes = ["void", "Road", {"name": "Car", "thing": True}, {"name": "Ego", "void": True}, "Unlabelled(4)"]
    (folder(tmp_path, [0, 1, 2, 3, 4, 255]) / "classes.json").write_text(json.dumps(classes))
    data = open_labelled(str(tmp_path))
    assert (data.classes, data.ids, data.things) == (("Road", "Car"), (1, 2), (1,))
    assert data.read_labels(data.train[0])[0, :6].tolist() == [255, 0, 1, 255, 255, 255]
    assert data.foreground_labels(None) == (1,)
    assert data.foreground_labels("nonzero") == (0, 1)


@pytest.mark.parametrize("text", ['{"0": "ground", "1": "tree"}', '["ground", ', '[{"thing": true}]', "[1, 2]"])
def test_another_classes_json_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (folder(tmp_path, [0, 1]) / "classes.json").write_text(text)
    with pytest.raises(UsageProblem, match=r"classes\.json is not a list of classes"):
        open_labelled(str(tmp_path))


def test_two_values_with_classes_json_are_semantic(tmp_path: Path) -> None:
    (folder(tmp_path, [0, 1]) / "classes.json").write_text('["ground", "tree"]')
    assert open_labelled(str(tmp_path)).task == "semantic"


def test_task_can_be_forced(tmp_path: Path) -> None:
    data = open_labelled(str(folder(tmp_path, [0, 1, 2])), task="binary")
    assert data.read_labels(data.train[0])[0, :3].tolist() == [0, 1, 1]
    with pytest.raises(UsageProblem, match="--task"):
        open_labelled(str(tmp_path), task="panoptic")
    with pytest.raises(UsageProblem, match="one class"):
        open_labelled(str(folder(tmp_path / "b", [0, 255])), task="semantic")


def test_val_stands_in_for_test_and_limit_spreads(tmp_path: Path) -> None:
    folder(tmp_path, [0, 255], test="val")
    for i in range(10):
        write(tmp_path, "train", f"z{i}", np.resize([0, 255], (6, 8)))
    data = open_labelled(str(tmp_path), limit=3)
    assert len(data.test) == 2
    assert [sample.id for sample in data.train] == ["a", "z3", "z9"]


def test_problems_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="no such folder"):
        open_labelled(str(tmp_path / "nowhere"))
    with pytest.raises(UsageProblem, match="benchmarks do not read wds"):
        open_labelled("wds:somewhere")
    (tmp_path / "images" / "train").mkdir(parents=True)
    with pytest.raises(NothingToDo):
        open_labelled(str(tmp_path))
    folder(tmp_path, [0, 255])
    (tmp_path / "masks" / "train" / "a.png").unlink()
    with pytest.raises(UsageProblem, match=r"no mask, first .*a\.jpg"):
        open_labelled(str(tmp_path))
    (tmp_path / "masks" / "train" / "a.png").write_text("no picture")
    with pytest.raises(UnsegError, match=r"a\.png is text"):
        open_labelled(str(tmp_path))


def test_masks_without_a_picture_are_told(tmp_path: Path) -> None:
    folder(tmp_path, [0, 255])
    assert open_labelled(str(tmp_path)).notes == ()
    Image.new("L", (8, 6)).save(tmp_path / "masks" / "train" / "lonely.png")
    (note,) = open_labelled(str(tmp_path)).notes
    there = len(list((tmp_path / "masks" / "train").iterdir()))
    assert note == f"1 of {there} masks have no picture, first {tmp_path / 'masks' / 'train' / 'lonely.png'}: they are passed over"


def test_colour_masks_and_unnamed_values_are_refused(tmp_path: Path) -> None:
    folder(tmp_path, [0, 1, 9])
    (tmp_path / "classes.json").write_text('["ground", "tree"]')
    with pytest.raises(UsageProblem, match="mask value 9"):
        open_labelled(str(tmp_path))
    Image.new("RGB", (8, 6), (255, 0, 0)).save(tmp_path / "masks" / "train" / "a.png")
    with pytest.raises(UsageProblem, match="no label map"):
        open_labelled(str(tmp_path))


def test_picture_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (8, 6)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(FileSource(tmp_path / "turned.jpg")).shape == (8, 6, 3)


def test_synthetic_is_announced_as_a_smoke_test() -> None:
    data = open_labelled("synthetic", limit=4)
    assert data.smoke_test
    assert (len(data.train), len(data.test), data.task) == (4, 4, "binary")
    train, test = read_image(data.train[0].image), read_image(data.test[0].image)
    assert train.shape == (96, 96, 3)
    assert not np.array_equal(train, test)


@pytest.mark.shared
def test_camvid_as_it_is_shared(shared: Path) -> None:
    root = shared / "data" / "camvid"
    if not root.is_dir():
        pytest.skip("no camvid")
    data = open_labelled(str(root), limit=6)
    assert (data.task, len(data.classes), data.classes[0], data.classes[-1]) == ("semantic", 11, "Sky", "Bicyclist")
    labels = np.concatenate([np.unique(data.read_labels(sample)) for sample in data.train])
    assert set(labels) <= {*range(11), 255}
    assert data.foreground_labels(None) == tuple(range(1, 11))

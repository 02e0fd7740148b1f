"""What the values of a set of masks mean: decided over the set, the same for training and for benchmarks."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.datasets.makers import pairs
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.datasets.mask_sets import ENOUGH, survey
from unseg_cli.datasets.registry import open_labelled, open_training
from unseg_cli.pictures.masks import MaskFile, decode_mask


def png(values: np.ndarray, suffix: str = "PNG", **options: Any) -> MaskFile:
    out = io.BytesIO()
    Image.fromarray(values).save(out, suffix, **options)
    return decode_mask(Path("mask"), out.getvalue())


def grid(*values: int, dtype: type = np.uint8) -> np.ndarray:
    return np.resize(np.array(values, dtype), (6, 8))


def folder(root: Path, masks: list[np.ndarray], *, suffix: str = "png") -> str:
    for kind in ("images", "masks"):
        for split in ("train", "test"):
            (root / kind / split).mkdir(parents=True)
    for i, mask in enumerate(masks):
        for split in ("train", "test"):
            Image.new("RGB", (mask.shape[1], mask.shape[0]), (9, 90, 9)).save(root / "images" / split / f"{i:03}.jpg")
            Image.fromarray(mask).save(root / "masks" / split / f"{i:03}.{suffix}")
    return str(root)


@pytest.mark.parametrize(
    ("masks", "meaning"),
    [
        ([grid(0, 255)], "binary"),
        ([grid(0, 1), grid(0)], "binary"),
        ([grid(0, 7)], "binary"),
        ([grid(0, 1), grid(0, 255)], "binary"),
        ([grid(0, 65_535, dtype=np.uint16)], "binary"),
        ([grid(0)], "binary"),
        ([grid(0, 1, 255)], "ids"),
        ([grid(0, 1), grid(0, 2)], "ids"),
        ([grid(*range(128)), grid(0, 200)], "ids"),
        ([grid(*range(40), 255)], "ids"),
        ([grid(0, 300, 1000, dtype=np.uint16)], "ids"),
    ],
)
def test_the_meaning_of_a_set(masks: list[np.ndarray], meaning: str) -> None:
    assert survey(png(mask) for mask in masks).meaning == meaning


def soft(count: int = 4) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(mask).filter(ImageFilter.GaussianBlur(1.5))) for _, mask in pairs(count, 2)]


def test_soft_edges_are_levels_of_grey_cut_at_half() -> None:
    masks = [png(mask) for mask in soft()]
    reading = survey(masks)
    assert reading.meaning == "grey" and reading.objects_only
    for mask in masks:
        assert np.array_equal(reading.objects(mask), mask.values > 127)
    deep = [png(mask.astype(np.uint16) * np.uint16(257)) for mask in soft()]
    assert survey(deep).meaning == "grey"
    assert all(np.array_equal(survey(deep).objects(mask), mask.values > 32_767) for mask in deep)


def test_a_mask_that_cannot_be_read_costs_its_own_picture_alone(tmp_path: Path) -> None:
    """Training looks at some masks to know how all are read; it said of every picture that the damaged one is damaged."""
    data = folder(tmp_path, [grid(0, 7)] * 4)
    (tmp_path / "masks" / "train" / "001.png").write_bytes(b"\x89PNG, and nothing more")
    (found,) = open_training(data)
    rng = np.random.default_rng(0)
    for index in (0, 2, 3):
        assert set(np.unique(found.read(index, rng).mask)) == {False, True}
    with pytest.raises(UnsegError, match=r"001\.png"):
        found.read(1, rng)


def test_many_classes_with_void_are_not_levels_of_grey() -> None:
    """150 classes of which a few are large, and more void than any single small class: as in scenes with long lists of classes."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, 151)
    masks = []
    for _ in range(6):
        mask = rng.choice(np.arange(1, 151), size=(60, 80), p=share / share.sum()).astype(np.uint8)
        mask[:5] = 255
        masks.append(png(mask))
    reading = survey(masks)
    assert reading.meaning == "ids"
    labels = reading.objects(masks[0])
    assert (labels[:5] == 255).all() and (labels[5:] == 1).all()


def test_ids_up_to_127_stay_objects_although_another_value_exceeds_127(tmp_path: Path) -> None:
    """Cut at half, file by file, they were background, and the void around them was the object."""
    ids = grid(0, *range(1, 41))
    ids[0] = 255
    name = folder(tmp_path, [ids, grid(0, 5)])
    (training,) = open_training(name)
    drawn = [training.read(i, np.random.default_rng(0)).mask for i in range(2)]
    assert np.array_equal(drawn[0], (ids > 0) & (ids < 255))
    assert np.array_equal(drawn[1], grid(0, 5) > 0)
    labelled = open_labelled(name, task="binary")
    assert np.array_equal(labelled.read_labels(labelled.train[0]) == 1, drawn[0])
    assert (labelled.read_labels(labelled.train[0])[0] == 255).all()
    assert open_labelled(name).task == "semantic"


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_label_ids_of_16_bits(tmp_path: Path, suffix: str) -> None:
    mask = grid(0, 255, 300, 1000, 65_535, dtype=np.uint16)
    data = open_labelled(folder(tmp_path, [mask], suffix=suffix))
    assert (data.task, data.ids) == ("semantic", (0, 255, 300, 1000))
    assert data.classes[2] == "class 300"
    labels = data.read_labels(data.train[0])
    assert labels.dtype == np.uint8
    assert labels.ravel()[:5].tolist() == [0, 1, 2, 3, 255]
    assert data.foreground_labels("class:300,1000") == (2, 3)
    (training,) = open_training(str(tmp_path))
    assert training.read(0, np.random.default_rng(0)).mask.ravel()[:5].tolist() == [False, True, True, True, False]


def test_names_for_ids_of_16_bits(tmp_path: Path) -> None:
    name = folder(tmp_path, [grid(0, 300, 301, dtype=np.uint16)])
    classes = [{"name": "ground"}, *[{"name": f"unlabelled {i}"} for i in range(1, 300)], {"name": "car", "thing": True}, {"name": "tree"}]
    (tmp_path / "classes.json").write_text(json.dumps(classes))
    data = open_labelled(name)
    assert (data.classes, data.ids, data.things) == (("ground", "car", "tree"), (0, 300, 301), (1,))
    assert data.read_labels(data.test[0]).ravel()[:3].tolist() == [0, 1, 2]


def test_more_classes_than_a_byte_has_are_refused(tmp_path: Path) -> None:
    name = folder(tmp_path, [np.arange(400, dtype=np.uint16).reshape(20, 20)])
    with pytest.raises(UsageProblem, match="400 classes are more than 255") as caught:
        open_labelled(name)
    assert "classes.json" in caught.value.hint


def test_palettes_are_ids_for_training_and_for_benchmarks(tmp_path: Path) -> None:
    name = folder(tmp_path, [grid(0, 1, 2)])
    for split in ("train", "test"):
        mask = Image.frombytes("P", (8, 6), grid(0, 1, 2).tobytes())
        mask.putpalette([255, 255, 255, 0, 0, 0, 0, 90, 0])  # white background, black and green objects
        mask.save(tmp_path / "masks" / split / "000.png")
    data = open_labelled(name)
    assert np.array_equal(data.read_labels(data.train[0]), grid(0, 1, 2))
    assert np.array_equal(open_training(name)[0].read(0, np.random.default_rng(0)).mask, grid(0, 1, 2) > 0)


def test_the_orientation_and_alpha_of_masks(tmp_path: Path) -> None:
    upright = np.zeros((6, 8), np.uint8)
    upright[:2, :3] = 1
    name = folder(tmp_path, [upright])
    exif = Image.Exif()
    exif[274] = 6
    stored = Image.fromarray(np.dstack([np.rot90(upright), np.zeros((8, 6), np.uint8)]), "LA")
    for split in ("train", "test"):
        stored.save(tmp_path / "masks" / split / "000.png", exif=exif)
    data = open_labelled(name)
    assert np.array_equal(data.read_labels(data.train[0]), upright)
    assert np.array_equal(open_training(name)[0].read(0, np.random.default_rng(0)).mask, upright > 0)


def test_lossy_masks_are_cut_at_half_and_hold_no_ids(tmp_path: Path) -> None:
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 8:24] = 255
    for suffix in ("jpg", "webp"):
        name = folder(tmp_path / suffix, [mask], suffix=suffix)
        data = open_labelled(name)
        assert data.task == "binary"
        assert np.array_equal(data.read_labels(data.train[0]), mask // 255)
        assert np.array_equal(open_training(name)[0].read(0, np.random.default_rng(0)).mask, mask > 0)
        (tmp_path / suffix / "classes.json").write_text('["ground", "object"]')
        semantic = open_labelled(name)
        with pytest.raises(UnsegError, match=r"000\.\w+ is of a lossy format") as caught:
            semantic.read_labels(semantic.train[0])
        assert "PNG" in caught.value.hint


def test_a_lossless_webp_holds_ids(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray(np.repeat(grid(0, 1, 2)[..., None], 3, axis=2)).save(out, "WEBP", lossless=True)
    mask = decode_mask(Path("mask.webp"), out.getvalue())
    assert not mask.lossy and np.array_equal(mask.ids(), grid(0, 1, 2))


def test_a_training_looks_at_some_masks_only_and_at_those_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unseg_cli.datasets import mask_sets

    name = folder(tmp_path, [grid(0, 255)] * (ENOUGH + 30))
    decoded: list[Path] = []
    monkeypatch.setattr(mask_sets, "decode_mask", lambda path, data: decoded.append(path) or decode_mask(path, data))
    (training,) = open_training(name)
    assert not decoded
    for index in range(3):
        training.read(index, np.random.default_rng(0))
    assert len(decoded) == ENOUGH + 3

"""Every kind of data goes through the same battery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets import makers
from tests.datasets.battery import Battery, Opened
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.datasets.registry import KINDS, open_labelled, open_training


class TestFolder(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        folder = str(makers.write_folder(root / "data"))
        return lambda: open_training(folder)


class TestFolderOfLabelIds(Battery):
    has_void = True

    def make(self, root: Path) -> Callable[[], Opened]:
        folder = makers.write_folder(root / "data", void=True)
        return lambda: open_training(f"folder:{folder}")


class TestShards(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        for number in range(2):
            makers.write_shard(root / f"shard-{number}.tar")
        return lambda: open_training(f"wds:{root}/shard-*.tar")


class TestShardsOfLabelIds(Battery):
    has_void = True

    def make(self, root: Path) -> Callable[[], Opened]:
        makers.write_shard(root / "shard.tar", void=True)
        return lambda: open_training(str(root))


class TestHqseg(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        makers.write_hqseg(root)
        return lambda: open_training(f"hqseg44k:{root}")


class TestSa1b(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        makers.write_sa1b(root)
        return lambda: open_training(f"sa1b:{root}")


class TestCoco(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        text = makers.write_coco(root, count=3)
        return lambda: open_training(text)


class TestSynthetic(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        return lambda: open_training("synthetic")


class TestLabelledFolder(Battery):
    scans_masks = True

    def make(self, root: Path) -> Callable[[], Opened]:
        folder = str(makers.write_folder(root / "data", splits=("train", "test")))
        return lambda: open_labelled(folder)


class TestLabelledFolderOfLabelIds(Battery):
    scans_masks = has_void = True

    def make(self, root: Path) -> Callable[[], Opened]:
        folder = str(makers.write_folder(root / "data", splits=("train", "val"), void=True))
        return lambda: open_labelled(folder)


class TestLabelledFolderOfLabelIdsAsBinary(Battery):
    scans_masks = has_void = True

    def make(self, root: Path) -> Callable[[], Opened]:
        folder = str(makers.write_folder(root / "data", splits=("train", "val"), void=True))
        return lambda: open_labelled(folder, task="binary")


class TestLabelledSynthetic(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        return lambda: open_labelled("synthetic", limit=5)


class TestLabelledCoco(Battery):
    def make(self, root: Path) -> Callable[[], Opened]:
        text = makers.write_labelled_coco(root)
        return lambda: open_labelled(text)


def test_the_battery_covers_every_kind_of_the_table() -> None:
    published = {"coco-panoptic", "nwpu", "ssdd", "whu", "voc", "ade20k", "cityscapes", "kvasir", "camvid"}  # test_published.py
    assert set(KINDS) - published == {"folder", "wds", "sa1b", "hqseg44k", "coco", "synthetic"}, "a new kind gets a class above"
    assert {name for name, kind in KINDS.items() if kind.labelled} == {"folder", "synthetic", "coco", "hqseg44k", *published}
    assert all(kind.syntax for kind in KINDS.values())


def test_coco_segments_keep_what_the_document_says(tmp_path: Path) -> None:
    (one_set,) = open_training(makers.write_coco(tmp_path, count=2))
    square, encoded, crowd = one_set.samples[1].truth().segments
    assert (square.category, square.crowd, square.box, square.area) == (1, False, (10, 10, 30, 30), 400)
    assert (encoded.category, encoded.box, crowd.crowd) == (3, None, True)
    assert square.mask()[10:30, 10:30].all() and square.mask().sum() == 400
    assert crowd.mask()[:, :8].all() and crowd.mask().sum() == 48 * 8
    _, mask = makers.synthetic_pairs(2, 48, seed=6)[1]
    assert np.array_equal(encoded.mask(), mask)


def test_two_pictures_of_one_stem_are_named(tmp_path: Path) -> None:
    makers.write_folder(tmp_path)
    Image.new("RGB", (64, 48)).save(tmp_path / "images" / "train" / "p1.jpg")
    with pytest.raises(UsageProblem, match=r"p1\.jpg and p1\.png share one stem"):
        open_training(str(tmp_path))


def test_a_raw_file_beside_its_picture_is_no_second_one(tmp_path: Path) -> None:
    makers.write_folder(tmp_path)
    (tmp_path / "images" / "train" / "p1.nef").write_bytes(b"raw")
    assert len(open_training(str(tmp_path))[0]) == 3


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    makers.write_folder(tmp_path)
    Image.new("L", (64, 40), 255).save(tmp_path / "masks" / "train" / "p1.png")
    with pytest.raises(UnsegError, match=r"p1\.png: the mask is 64x40, the picture 64x48"):
        open_training(str(tmp_path))[0].read(1, np.random.default_rng(0))


def test_the_picture_s_own_orientation_is_applied_while_training(tmp_path: Path) -> None:
    makers.write_folder(tmp_path, count=1)
    image = Image.open(tmp_path / "images" / "train" / "p0.png")
    exif = Image.Exif()
    exif[274] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "images" / "train" / "p0.png", exif=exif)
    pair = open_training(str(tmp_path))[0].read(0, np.random.default_rng(0))
    assert np.array_equal(pair.image, np.asarray(image))

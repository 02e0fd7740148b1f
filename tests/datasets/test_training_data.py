"""What a training draws: pairs of every kind, augmented, in an order that a resumed run repeats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from tests.datasets.makers import write_coco, write_folder, write_hqseg, write_sa1b, write_shard
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.datasets.augment import augment
from unseg_cli.datasets.batches import batches, pictures_in
from unseg_cli.datasets.kinds.sa1b import open_sa1b
from unseg_cli.datasets.kinds.synthetic import synthetic_pairs
from unseg_cli.datasets.registry import open_training


def test_every_kind_of_data_gives_pictures_with_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sa1b(tmp_path / "home" / "sa1b-subset")
    monkeypatch.setenv("UNSEG_DATA", str(tmp_path / "home"))
    write_shard(tmp_path / "shard-00.tar")
    kinds = {
        str(write_folder(tmp_path / "folder")): 3,
        "sa1b-subset": 3,
        f"sa1b:{tmp_path / 'home' / 'sa1b-subset'}": 3,
        f"wds:{tmp_path}/shard-*.tar": 3,
        write_coco(tmp_path / "coco"): 1,
        f"hqseg44k:{write_hqseg(tmp_path / 'hq')}": 4,
        "synthetic": 64,
    }
    for text, count in kinds.items():
        sources = open_training(text)
        assert pictures_in(sources) == count, text
        pair = sources[0].read(0, np.random.default_rng(0))
        assert pair.image.dtype == np.uint8 and pair.image.shape == (*pair.mask.shape, 3)
        assert pair.mask.dtype == bool and 0 < pair.mask.mean() <= 1
    assert pictures_in(open_training("synthetic," + str(tmp_path / "folder"))) == 67


def test_sa1b_masks_are_the_encoded_ones(tmp_path: Path) -> None:
    source = open_training(f"sa1b:{write_sa1b(tmp_path)}")[0]
    _, mask = synthetic_pairs(3, 48, seed=4)[1]
    pair = source.read(1, np.random.default_rng(0))
    assert np.array_equal(pair.mask, mask)
    assert not pair.salient, "one of many segments is not THE object"


def test_sa1b_is_listed_and_nothing_else_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("b", "a/deep"):
        write_sa1b(tmp_path / folder)
    (tmp_path / "b" / "sa_1.json").unlink()
    (tmp_path / "b" / "other.jpg").write_bytes(b"")

    def looked(*_: object, **__: object) -> None:
        pytest.fail("a file was looked at")

    with monkeypatch.context() as patch:
        for name in ("stat", "exists", "is_file", "open"):
            patch.setattr(Path, name, looked)
        found = open_sa1b(tmp_path)
        names = [sample.id for sample in found.samples]
    assert names == ["a/deep/sa_0", "a/deep/sa_1", "a/deep/sa_2", "b/sa_0", "b/sa_2"]
    assert [sample.id for sample in found.samples[1:3]] == names[1:3]
    assert found.read(3, np.random.default_rng(0)).mask.any()


def test_sa1b_takes_stable_masks_in_proportion_to_their_size(tmp_path: Path) -> None:
    (path,) = (write_sa1b(tmp_path, 1) / "sa_0.json",)
    document = json.loads(path.read_text())
    (entry,) = document["annotations"]
    speck = np.zeros((48, 48), np.uint8)
    speck[:2, :2] = 1
    encoded = coco_mask.encode(np.asfortranarray(speck))
    small = {**entry, "segmentation": {**encoded, "counts": encoded["counts"].decode()}, "area": 4}
    document["annotations"] = [{**entry, "stability_score": 0.97}, {**small, "stability_score": 0.96}, {**small, "stability_score": 0.5}]
    path.write_text(json.dumps(document))
    (source,) = open_training(f"sa1b:{tmp_path}")
    assert len(source.samples[0].truth().segments) == 2
    drawn = [int(source.read(0, np.random.default_rng(seed)).mask.sum()) for seed in range(60)]
    assert 4 in drawn and drawn.count(4) < 20, "several of a picture, large ones more often"


@pytest.mark.parametrize("content", ["{", "{}", '{"annotations": [{}]}', '{"annotations": []}', "[]"])
def test_a_damaged_annotation_of_sa1b_is_named(content: str, tmp_path: Path) -> None:
    (write_sa1b(tmp_path) / "sa_1.json").write_text(content)
    (source,) = open_training(f"sa1b:{tmp_path}")
    with pytest.raises(UnsegError, match=r"sa_1\.json"):
        source.read(1, np.random.default_rng(0))


@pytest.mark.parametrize("text", ["nowhere", "wds:/nowhere/*.tar", "sa1b:/nowhere", "coco:a:b"])
def test_absent_data_is_a_usage_problem_with_a_hint(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSEG_DATA", raising=False)
    with pytest.raises(UsageProblem) as caught:
        open_training(text)
    assert caught.value.hint


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "images" / "train" / "p1.png").write_bytes(b"no picture")
    with pytest.raises(UnsegError, match=r"p1\.png"):
        open_training(str(tmp_path))[0].read(1, np.random.default_rng(0))


def test_step_n_is_the_same_whether_resumed_or_not() -> None:
    sources = open_training("synthetic")
    settings_ = {"size": 32, "batch_size": 5, "seed": 3, "workers": 0}
    whole = list(batches(sources, start_step=0, stop_step=30, **settings_))
    late = list(batches(sources, start_step=17, stop_step=30, **settings_))
    for one, other in zip(whole[17:], late, strict=True):
        assert torch.equal(one.image, other.image) and torch.equal(one.mask, other.mask)


@settings(max_examples=30, deadline=None)
@given(height=st.integers(5, 200), width=st.integers(5, 200), seed=st.integers(0, 999))
def test_augmentation_keeps_the_object_and_pads_with_black(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), bool)
    mask[height // 3 : height // 3 + max(2, height // 3), width // 3 : width // 3 + max(2, width // 3)] = True
    image, plane = augment(np.full((height, width, 3), 200, np.uint8), mask, 64, rng)
    assert image.shape == (3, 64, 64) and plane.shape == (1, 64, 64)
    assert plane.sum() > 0
    assert image[plane.expand(3, -1, -1) > 0].min() > 0.5, "the object is where the mask says"


def test_a_black_mask_says_that_nothing_is_there(tmp_path: Path) -> None:
    write_folder(tmp_path)
    Image.new("L", (64, 48)).save(tmp_path / "masks" / "train" / "p1.png")
    (source,) = open_training(str(tmp_path))
    rng = np.random.default_rng(0)
    pairs = [source.read(i, rng) for i in range(3)]
    assert [bool(pair.mask.any()) for pair in pairs] == [True, False, True]
    image, plane = augment(pairs[1].image, pairs[1].mask, 64, rng)
    assert image.max() > 0 and plane.sum() == 0


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hostname"])
def test_annotations_that_lead_out_of_their_folder_are_refused(name: str, tmp_path: Path) -> None:
    document = {"images": [{"id": 1, "file_name": name, "height": 4, "width": 4}], "annotations": []}
    (tmp_path / "instances.json").write_text(json.dumps(document))
    with pytest.raises(UsageProblem, match="outside of"):
        open_training(f"coco:{tmp_path}:{tmp_path / 'instances.json'}")


def test_files_without_a_partner_are_told(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "folder", 4)
    assert open_training(str(root))[0].notes == ()
    (root / "masks" / "train" / "p1.png").unlink()
    (root / "images" / "train" / "p2.png").unlink()
    (source,) = open_training(str(root))
    assert [one.id for one in source.samples] == ["p0", "p3"]
    assert source.notes == (
        f"1 of 3 pictures have no mask, first {root / 'images' / 'train' / 'p1.png'}: they are passed over",
        f"1 of 3 masks have no picture, first {root / 'masks' / 'train' / 'p2.png'}: they are passed over",
    )

"""Sources, augmentation, prompts and degradations that training draws from."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.datasets.augment import augment
from unseg_cli.datasets.batches import batches, pictures_in
from unseg_cli.datasets.registry import open_training
from unseg_cli.datasets.synthetic import synthetic_pairs
from unseg_cli.train.degradations import degrade, jpeg
from unseg_cli.train.prompts import boxes_of, noisy_mask, points_of, prompt_of, random_kinds


def write_folder(root: Path, count: int = 3) -> Path:
    for i, (image, mask) in enumerate(synthetic_pairs(count, 48, seed=3)):
        for name, array in (("images", image), ("masks", mask.astype(np.uint8) * 255)):
            (root / name / "train").mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(root / name / "train" / f"p{i}.png")
    return root


def write_sa1b(root: Path, count: int = 3) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for i, (image, mask) in enumerate(synthetic_pairs(count, 48, seed=4)):
        rle = coco_mask.encode(np.asfortranarray(mask))
        rle["counts"] = rle["counts"].decode()
        annotation = {"segmentation": rle, "area": int(mask.sum()), "bbox": [0, 0, 48, 48], "id": i}
        Image.fromarray(image).save(root / f"sa_{i}.jpg")
        (root / f"sa_{i}.json").write_text(json.dumps({"image": {"file_name": f"sa_{i}.jpg"}, "annotations": [annotation]}))
    return root


def write_shard(path: Path, count: int = 3) -> Path:
    with tarfile.open(path, "w") as tar:
        for i, (image, mask) in enumerate(synthetic_pairs(count, 48, seed=5)):
            for extension, picture in (("webp", Image.fromarray(image)), ("png", Image.fromarray(mask))):
                buffer = io.BytesIO()
                picture.save(buffer, "WEBP" if extension == "webp" else "PNG")
                member = tarfile.TarInfo(f"key{i}.{extension}")
                member.size = buffer.tell()
                buffer.seek(0)
                tar.addfile(member, buffer)
    return path


def write_coco(root: Path) -> str:
    root.mkdir(parents=True, exist_ok=True)
    image, _ = synthetic_pairs(1, 48, seed=6)[0]
    Image.fromarray(image).save(root / "a.jpg")
    box = [10, 10, 30, 10, 30, 30, 10, 30]
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 48, "width": 48}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 400, "segmentation": [box]}],
    }
    (root / "instances.json").write_text(json.dumps(document))
    return f"coco:{root}:{root / 'instances.json'}"


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


def write_hqseg(root: Path) -> Path:
    for i, (image, mask) in enumerate(synthetic_pairs(4, 48, seed=7)):
        im, gt = (root / "DIS5K" / "im", root / "DIS5K" / "gt") if i < 2 else (root / "ThinObject5K", root / "ThinObject5K")
        im.mkdir(parents=True, exist_ok=True)
        gt.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(im / f"{i}.jpg")
        Image.fromarray(mask).save(gt / f"{i}.png")
    return root


def test_sa1b_masks_are_the_encoded_ones(tmp_path: Path) -> None:
    source = open_training(f"sa1b:{write_sa1b(tmp_path)}")[0]
    _, mask = synthetic_pairs(3, 48, seed=4)[1]
    pair = source.read(1, np.random.default_rng(0))
    assert np.array_equal(pair.mask, mask)
    assert not pair.salient, "one of many segments is not THE object"


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
    Image.new("L", (48, 48)).save(tmp_path / "masks" / "train" / "p1.png")
    (source,) = open_training(str(tmp_path))
    rng = np.random.default_rng(0)
    pairs = [source.read(i, rng) for i in range(3)]
    assert [bool(pair.mask.any()) for pair in pairs] == [True, False, True]
    image, plane = augment(pairs[1].image, pairs[1].mask, 64, rng)
    assert image.max() > 0 and plane.sum() == 0


def test_boxes_and_points_lie_on_the_object() -> None:
    mask = torch.zeros(2, 1, 40, 40)
    mask[0, 0, 5:9, 10:30] = 1
    mask[1, 0, 20, 20] = 1
    assert boxes_of(mask).tolist() == [[10, 5, 30, 9], [20, 20, 21, 21]]
    for plane, points in zip(mask[:, 0], points_of(mask, 10, torch.Generator().manual_seed(0)), strict=True):
        assert all(plane[int(y), int(x)] == 1 for x, y in points)
    scaled = prompt_of(frozenset({"box"}), mask, 80, torch.Generator())
    assert scaled.boxes is not None and scaled.boxes[0].tolist() == [20, 10, 60, 18]


def test_a_noisy_mask_differs_at_the_border_alone() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    noisy = noisy_mask(mask, torch.Generator().manual_seed(0))
    assert not torch.equal(noisy, mask)
    assert noisy[..., 28:36, 28:36].min() == 1 and noisy[..., :4, :].max() == 0


def test_prompt_kinds_cover_all_subsets() -> None:
    rng = torch.Generator().manual_seed(0)
    subsets = {random_kinds(rng, single=False) for _ in range(200)}
    assert len(subsets) == 7 and frozenset() not in subsets
    singles = {random_kinds(rng, single=True, empty_share=0.3) for _ in range(200)}
    assert len(singles) == 4


def test_degradations_pass_gradients_and_change_the_picture() -> None:
    image = torch.rand(2, 3, 48, 48, requires_grad=True)
    for seed in range(6):
        result = degrade(image, 32, torch.Generator().manual_seed(seed))
        assert result.shape == (2, 3, 32, 32)
        (gradient,) = torch.autograd.grad(result.sum(), image)
        assert gradient.abs().sum() > 0
    squeezed = jpeg(image, 10)
    assert 0.005 < (squeezed - image).abs().mean() < 0.3

"""Targets with objects: brought to another size, moved, pasted, kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from unseg_cli.bench.augmentation import AUGMENTATIONS
from unseg_cli.bench.countermeasures.crops import CropAndScale, crop_box
from unseg_cli.bench.countermeasures.mixing import CutMix
from unseg_cli.bench.examples import Batch, Found, Prediction, Segments, Target, boxes_around
from unseg_cli.bench.preparation.cache import RowFiles, open_examples
from unseg_cli.bench.tasks import TASKS
from unseg_cli.datasets.sample import Segment, Truth

SIZE = (24, 32)


def target(seed: int = 0) -> Target:
    """Three objects, the first of which is a crowd, drawn into a label map of four classes."""
    rng = np.random.default_rng(seed)
    labels, segments = np.zeros(SIZE, np.uint8), []
    for category, crowd in ((3, True), (1, False), (2, False)):
        mask = np.zeros(SIZE, bool)
        top, left = int(rng.integers(0, 12)), int(rng.integers(0, 20))
        mask[top : top + 10, left : left + 12] = True
        labels[mask] = category
        segments.append(Segment(size=SIZE, shape=mask, category=category, crowd=crowd))
    return TASKS["instance"].target(Truth(labels=labels, segments=tuple(segments)))


def segments_of(one: Target) -> Segments:
    assert one.segments is not None
    return one.segments


@pytest.mark.parametrize("size", [(12, 16), (48, 64), (32, 32), (7, 5)])
def test_masks_are_resized_as_label_maps_are(size: tuple[int, int]) -> None:
    one = target()
    small = segments_of(one.resized(size))
    for mask, label in zip(segments_of(one).masks, segments_of(one).classes, strict=True):
        expected = np.array(Image.fromarray(mask.numpy()).resize((size[1], size[0]), Image.Resampling.NEAREST))
        (found,) = small.masks[small.classes == label]
        assert np.array_equal(found.numpy(), expected)
    pillow = Image.fromarray(one.labels.numpy()).resize((size[1], size[0]), Image.Resampling.NEAREST)
    assert np.array_equal(one.resized(size).labels.numpy(), np.array(pillow))


def test_objects_of_which_nothing_is_left_are_gone() -> None:
    dot = torch.zeros(1, *SIZE, dtype=torch.bool)
    dot[0, 5, 5] = True
    one = Target(labels=torch.zeros(SIZE, dtype=torch.uint8), segments=Segments.of(dot, torch.tensor([1])))
    assert len(segments_of(one.resized((4, 4)))) == 0
    assert segments_of(one.resized((4, 4))).boxes.shape == (0, 4)
    assert len(segments_of(one.resized(SIZE, (4, 4, 8, 8)))) == 1


def test_boxes_reach_behind_the_last_pixel() -> None:
    masks = torch.zeros(2, *SIZE, dtype=torch.bool)
    masks[0, 2:5, 7:11] = True
    masks[1, 23, 31] = True
    assert boxes_around(masks).tolist() == [[7, 2, 11, 5], [31, 23, 32, 24]]


def test_a_stored_crop_moves_objects_with_their_labels() -> None:
    one = target(3)
    _, kept = CropAndScale(name="crop").store(np.zeros((*SIZE, 3), np.uint8), one, 5)
    left, top, right, bottom = crop_box(*SIZE, 5)
    assert (right - left, bottom - top) != (SIZE[1], SIZE[0])
    assert torch.equal(painted(kept), kept.labels)


def painted(one: Target) -> torch.Tensor:
    labels = torch.zeros_like(one.labels)
    for mask, label in zip(segments_of(one).masks, segments_of(one).classes, strict=True):
        labels[mask] = label.to(torch.uint8)
    return labels


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_moves_objects_with_their_labels_and_pictures(name: str) -> None:
    targets = [target(seed) for seed in range(6)]
    colours = torch.tensor([[0, 0, 0], [250, 0, 0], [0, 250, 0], [0, 0, 250]], dtype=torch.uint8)
    images = torch.stack([colours[one.labels.long()].permute(2, 0, 1) for one in targets])
    batch = AUGMENTATIONS[name](images, targets, torch.Generator().manual_seed(1))
    moved = 0
    for image, before, after in zip(batch.images, targets, batch.targets, strict=True):
        known = after.labels != 255
        assert torch.equal(painted(after)[known], after.labels[known])
        moved += not torch.equal(before.labels, after.labels)
        for mask, label in zip(segments_of(after).masks, segments_of(after).classes.tolist(), strict=True):
            inner = mask & (F.avg_pool2d((after.labels == label)[None].float(), 3, 1, 1)[0] > 0.99)
            assert not inner.any() or image[label - 1][inner].mean() > 0.9
    assert moved >= 5


def test_cutmix_pastes_objects_as_far_as_they_are_seen() -> None:
    one, other = target(0), target(1)
    both = one.pasted(other, slice(4, 20), slice(8, 28))
    inside = torch.zeros(SIZE, dtype=torch.bool)
    inside[4:20, 8:28] = True
    assert torch.equal(both.labels, torch.where(inside, other.labels, one.labels))
    assert torch.equal(painted(both), both.labels)
    assert len(segments_of(both)) <= 6 and segments_of(both).crowd.any()
    batch = Batch(images=torch.rand(2, 3, *SIZE), targets=(one, other))
    (part,) = CutMix(name="cutmix").batch(batch, torch.Generator().manual_seed(0), lambda seen: seen.images.sum())
    for mixed in part.batch.targets:
        assert torch.equal(painted(mixed), mixed.labels)


def test_a_division_gives_each_pixel_once_and_the_smaller_object_the_overlap() -> None:
    large, small, crowd = (np.zeros(SIZE, bool) for _ in range(3))
    large[2:20, 2:20] = True
    small[4:8, 4:8] = True
    crowd[0:6, 24:30] = True
    labels = np.full(SIZE, 3, np.uint8)
    labels[22:] = 255
    truth = Truth(
        labels=labels,
        segments=(
            Segment(size=SIZE, shape=small, category=1),
            Segment(size=SIZE, shape=large, category=1),
            Segment(size=SIZE, shape=crowd, category=2, crowd=True),
        ),
    )
    divided = TASKS["panoptic"].target(truth)
    parts = segments_of(divided)
    assert parts.classes.tolist() == [1, 1, 3]
    assert torch.equal(parts.masks[0], torch.from_numpy(small)) and torch.equal(parts.masks[1], torch.from_numpy(large & ~small))
    assert parts.masks.int().sum(0).max() == 1
    assert torch.equal(parts.masks.any(0), divided.labels != 255)
    assert (divided.labels.numpy()[crowd] == 255).all() and (truth.labels[crowd] == 3).all()
    alone = TASKS["panoptic"].target(Truth(labels=np.full(SIZE, 255, np.uint8)))
    assert len(segments_of(alone)) == 0
    assert len(segments_of(TASKS["interactive"].target(truth))) == 2


def test_segments_come_back_from_the_disk_as_they_were(tmp_path: Path) -> None:
    targets = [target(seed) for seed in range(3)]
    nothing = Target(labels=torch.zeros(SIZE, dtype=torch.uint8), segments=Segments.none(SIZE))
    targets.insert(1, nothing)
    images, labels = tmp_path / "train.npy", tmp_path / "labels.npy"
    with RowFiles({images: (4, *SIZE, 3), labels: (4, *SIZE)}, [labels]) as files:
        for number in (2, 0, 3, 1):
            files.fill_target(labels, number, targets[number])
            files.fill(images, number, np.zeros((*SIZE, 3), np.uint8))
    kept = open_examples(images, labels)
    assert len(kept.targets) == 4
    for one, again in zip(targets, kept.targets, strict=True):
        assert torch.equal(one.labels, again.labels)
        for name in ("masks", "classes", "crowd"):
            assert torch.equal(getattr(segments_of(one), name), getattr(segments_of(again), name)), name
    assert [len(segments_of(one)) for one in kept.targets[1:3]] == [0, 3]
    assert len(kept.first(2).targets) == 2


def test_what_is_shown_are_the_surest_objects() -> None:
    masks = torch.zeros(3, *SIZE, dtype=torch.bool)
    masks[0, :10], masks[1, 5:15], masks[2, 12:] = True, True, True
    said = Found(boxes=boxes_around(masks), classes=torch.tensor([1, 2, 3]), scores=torch.tensor([0.9, 0.6, 0.4]), masks=masks)
    labels = Prediction.of(said, SIZE).labels
    assert labels[:10].unique().tolist() == [1] and labels[10:15].unique().tolist() == [2] and labels[15:].unique().tolist() == [0]
    boxes = Found(boxes=said.boxes, classes=said.classes, scores=said.scores)
    assert torch.equal(Prediction.of(boxes, SIZE).labels, labels)

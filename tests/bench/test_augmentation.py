"""What is done to every batch: pictures and labels move together, and no further than they should."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from unseg_cli.bench.augmentation import AUGMENTATIONS, GREY, Augmentation
from unseg_cli.bench.examples import Batch, Target
from unseg_cli.bench.victims.schedule import AugmentName, find_augment
from unseg_cli.core.constants import IGNORE
from unseg_cli.core.errors import UsageProblem

SIDE, COUNT = 64, 64


def ramps(augmentation: Augmentation, seed: int = 1) -> Batch:
    """Pictures whose red rises to the right and whose green rises downwards, with the column as their label."""
    rise = torch.arange(SIDE, dtype=torch.uint8)
    image = torch.stack([rise.expand(SIDE, SIDE), rise[:, None].expand(SIDE, SIDE), torch.full((SIDE, SIDE), 200, dtype=torch.uint8)])
    images = image.expand(COUNT, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    return augmentation(images, [Target(labels=image[0])] * COUNT, torch.Generator().manual_seed(seed))


def zooms(batch: Batch) -> torch.Tensor:
    """The window's side of each picture as a share of the picture's, from the slope of green: 1 / zoom."""
    green = batch.images[:, 1] * 255
    within = (batch.labels != IGNORE).all(2)  # rows that lie inside of the picture from side to side, if it is not shrunk
    slopes = [rows[:, SIDE // 2][inside].diff().abs().median() for rows, inside in zip(green, within, strict=True) if inside.any()]
    return torch.stack(slopes)


@pytest.fixture(params=list(AUGMENTATIONS.values()), ids=lambda one: one.name)
def augmentation(request: pytest.FixtureRequest) -> Augmentation:
    found: Augmentation = request.param
    return found


def test_every_name_has_an_augmentation() -> None:
    assert set(AUGMENTATIONS) == set(get_args(AugmentName))
    assert find_augment("crops") == "crops"
    with pytest.raises(UsageProblem, match="--augment 'crop' is not known") as problem:
        find_augment("crop")
    assert "crops" in problem.value.hint


def test_picture_and_label_move_together(augmentation: Augmentation) -> None:
    draw = torch.Generator().manual_seed(0)
    label = (torch.rand(16, 8, 8, generator=draw) > 0.5).repeat_interleave(8, 1).repeat_interleave(8, 2).to(torch.uint8)
    label[:, :8, :8] = 254
    image = (label[:, None] * 100).clamp(max=200).repeat(1, 3, 1, 1)  # 0, 100, or 200 for the corner
    image[label[:, None].expand_as(image) == 254] = 200
    batch = augmentation(image, [Target(labels=one) for one in label], torch.Generator().manual_seed(1))
    assert batch.images.shape == image.shape
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert set(batch.labels.unique().tolist()) <= {0, 1, 254, IGNORE}
    void = batch.labels == IGNORE
    expected = batch.labels.float().where(batch.labels != 254, 2)[:, None].expand_as(batch.images) * 100 / 255
    agree = ((batch.images - expected).abs() < 0.1) | void[:, None]
    assert agree.float().mean() > 0.85  # all but the seams between cells
    assert (batch.images[void[:, None].expand_as(batch.images)] == GREY).all()
    assert not torch.equal(batch.labels, label.long())


def test_the_same_numbers_draw_the_same(augmentation: Augmentation) -> None:
    assert torch.equal(ramps(augmentation).images, ramps(augmentation).images)
    assert not torch.equal(ramps(augmentation).images, ramps(augmentation, seed=2).images)


def test_half_of_the_pictures_are_mirrored(augmentation: Augmentation) -> None:
    known = ramps(augmentation)
    middle = SIDE // 2
    mirrored = known.images[:, 0, middle, middle + 4] < known.images[:, 0, middle, middle - 4]
    assert 0.3 < mirrored.float().mean() < 0.7


def test_crops_stay_inside_of_the_picture() -> None:
    batch = ramps(AUGMENTATIONS["crops"])
    assert (batch.labels < SIDE).all()
    sides = zooms(batch)
    assert (sides >= 0.69).all() and (sides <= 1.01).all()
    assert sides.min() < 0.75 and sides.max() > 0.95


def test_jitter_shrinks_to_half_and_enlarges_to_twice_equally_often() -> None:
    batch = ramps(AUGMENTATIONS["jitter"])
    void = (batch.labels == IGNORE).float().mean((1, 2))
    assert void.max() <= 0.76 and void.max() > 0.6  # a picture of half its size fills a quarter of the frame
    assert 0.3 < (void == 0).float().mean() < 0.7
    whole = batch.labels[void > 0.1]
    assert all(set(range(2, SIDE - 2)) <= set(range(int(one[one != IGNORE].min()), int(one[one != IGNORE].max()) + 1)) for one in whole)
    assert zooms(batch).min() < 0.56

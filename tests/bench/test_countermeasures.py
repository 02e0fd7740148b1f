"""One battery for every countermeasure: it gives a picture of the same shape, keeps what it should and takes what it claims."""

from __future__ import annotations

import dataclasses
from functools import cache
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pytest
import torch

from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.countermeasures import denoiser
from unseg_cli.bench.countermeasures.base import Countermeasure, Losses, Pair, Part, PictureStep
from unseg_cli.bench.countermeasures.crops import SIDE_FROM, SIDE_TO, crop_box
from unseg_cli.bench.countermeasures.registry import COUNTERMEASURES, find_countermeasure
from unseg_cli.bench.countermeasures.training import EPSILON, TRIES, plasma
from unseg_cli.bench.examples import Batch, Examples, Prediction, Target
from unseg_cli.bench.fit import train_victim
from unseg_cli.bench.tasks import TASKS
from unseg_cli.bench.victims.base import LITE0, Victim
from unseg_cli.bench.victims.schedule import Schedule
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.noise.arithmetic import apply_noise
from unseg_cli.noise.closed_form import texture_noise

U8Array = npt.NDArray[np.uint8]


def picture() -> U8Array:
    """(60, 80, 3): a soft gradient with one hard edge."""
    y, x = np.mgrid[:60, :80]
    image = np.stack([60 + x, 100 + y, 160 - x // 2], -1)
    image[:, 40:] += 60
    return image.clip(0, 255).astype(np.uint8)


@cache
def ready(name: str) -> Countermeasure:
    """A countermeasure that can be used: one that learns has seen a pair for two steps."""
    with patch.object(denoiser, "STEPS", 2):
        return COUNTERMEASURES[name].learned([Pair(picture(), picture()[::-1])])


@pytest.mark.parametrize("name", COUNTERMEASURES)
@pytest.mark.parametrize("shape", [(60, 80), (5, 3), (1, 1)])
def test_shape_type_and_input_stay(name: str, shape: tuple[int, int]) -> None:
    image = picture()[: shape[0], : shape[1]].copy()
    before = image.copy()
    out = ready(name).picture(image)
    assert out.shape == image.shape
    assert out.dtype == np.uint8
    assert np.array_equal(image, before)
    if name != "gray":  # the picture is still the same picture
        assert np.abs(out.astype(int) - image).mean() < 14


@pytest.mark.parametrize("name", COUNTERMEASURES)
@pytest.mark.parametrize("shape", [(60, 80), (5, 3), (1, 1)])
def test_what_is_stored_keeps_its_size_and_is_the_same_every_time(name: str, shape: tuple[int, int]) -> None:
    step, image = ready(name), picture()[: shape[0], : shape[1]].copy()
    target = Target(labels=torch.from_numpy((image[..., 0] > 120).astype(np.uint8)))
    stored, kept = step.store(image, target, 3)
    again, kept_again = step.store(image, target, 3)
    assert (stored.shape, stored.dtype, kept.labels.shape, kept.labels.dtype) == (image.shape, np.uint8, shape, torch.uint8)
    assert np.array_equal(stored, again) and torch.equal(kept.labels, kept_again.labels)
    if not step.moves:
        assert kept is target and np.array_equal(stored, step.picture(image))


@pytest.mark.parametrize("name", [name for name, step in COUNTERMEASURES.items() if type(step).batch is Countermeasure.batch])
def test_what_acts_before_training_leaves_batches_alone(name: str) -> None:
    step = COUNTERMEASURES[name]
    assert step.name == name
    batch = Batch(images=torch.rand(2, 3, 32, 32), targets=(Target(labels=torch.zeros(32, 32, dtype=torch.uint8)),) * 2)
    draw = torch.Generator().manual_seed(0)
    state = draw.get_state()
    ((weight, after),) = step.batch(batch, draw, no_losses)
    assert weight == 1 and after is batch
    assert torch.equal(draw.get_state(), state)  # nothing is drawn, so that a training without one is the same as ever


def test_the_help_names_every_countermeasure() -> None:
    help = next(field.metadata["setting"][0].help for field in dataclasses.fields(BenchConfig) if field.name == "defences")
    assert help == f"Of {', '.join(COUNTERMEASURES)}."


def test_crop_and_scale_keeps_a_part_and_its_labels_fit() -> None:
    y, x = np.mgrid[:60, :80]
    image = np.stack([3 * x, 4 * y, x + y], -1).astype(np.uint8)
    labels = (x // 8 + y // 8).astype(np.uint8)
    step, shares = COUNTERMEASURES["crop-and-scale"], []
    for number in range(40):
        left, top, right, bottom = crop_box(60, 80, number)
        assert 0 <= left < right <= 80 and 0 <= top < bottom <= 60
        shares.append(((right - left) / 80, (bottom - top) / 60))
        stored, kept = step.store(image, Target(labels=torch.from_numpy(labels)), number)
        middle = stored[30, 40].astype(int)
        assert abs(middle[0] / 3 - (left + right - 1) / 2) < 1.5 and abs(middle[1] / 4 - (top + bottom - 1) / 2) < 1.5
        column, row = middle[0] / 3, middle[1] / 4
        near = {int(labels[round(row) + dy, round(column) + dx]) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
        assert int(kept.labels[30, 40]) in near
    assert all(SIDE_FROM - 0.01 < share < SIDE_TO + 0.01 for pair in shares for share in pair)
    assert max(shares)[0] > 0.75 and min(shares)[0] < 0.55
    assert len({crop_box(60, 80, number) for number in range(10)}) == 10


def no_losses(_batch: Batch) -> torch.Tensor:
    raise AssertionError("this one does not look at the victim")


def batch_of(count: int = 8, side: int = 32) -> Batch:
    """Pictures of one grey level each, and labels of the picture's number."""
    numbers = torch.arange(count, dtype=torch.uint8)
    images = (numbers / 10).view(-1, 1, 1, 1).expand(count, 3, side, side).contiguous(memory_format=torch.channels_last)
    return Batch(images=images, targets=tuple(Target(labels=number.expand(side, side).clone()) for number in numbers))


def test_mixup_blends_pictures_and_weighs_the_losses_of_both() -> None:
    batch, draw, weights = batch_of(), torch.Generator().manual_seed(0), []
    for _ in range(50):
        parts = COUNTERMEASURES["mixup"].batch(batch, draw, no_losses)
        (weight, own), (rest, other) = parts
        assert weight + rest == pytest.approx(1) and own.images is other.images
        expected = (weight * own.labels + rest * other.labels) / 10
        assert torch.allclose(own.images[:, 0], expected.float(), atol=1e-6)
        assert torch.equal(own.labels, batch.labels) and sorted(other.labels[:, 0, 0].tolist()) == list(range(8))
        weights.append(weight)
    assert np.mean([0.1 < weight < 0.9 for weight in weights]) < 0.8 and max(weights) > 0.9 and min(weights) < 0.1  # a Beta of less than 1


def test_cutmix_pastes_one_rectangle_with_its_labels() -> None:
    batch, draw, shares = batch_of(), torch.Generator().manual_seed(0), []
    before = batch.images.clone()
    for _ in range(60):
        ((weight, mixed),) = COUNTERMEASURES["cutmix"].batch(batch, draw, no_losses)
        assert weight == 1 and mixed.images.is_contiguous(memory_format=torch.channels_last)
        assert torch.allclose(mixed.images[:, 0], mixed.labels / 10)  # every pixel has the label of the picture that it is of
        foreign = (mixed.labels != batch.labels).any(0)
        rows, columns = foreign.any(1), foreign.any(0)
        assert torch.equal(foreign, rows[:, None] & columns)
        shares.append(float(foreign.float().mean()))
    assert torch.equal(batch.images, before)
    assert min(shares) < 0.1 and max(shares) > 0.6


def test_a_countermeasure_that_acts_while_training_sees_every_batch() -> None:
    class Darken(PictureStep):
        def batch(self, batch: Batch, draw: torch.Generator, losses: Losses) -> tuple[Part, ...]:
            seen.append((len(batch.images), float(batch.images.max()), float(torch.rand(1, generator=draw))))
            return (Part(1.0, Batch(images=batch.images * 0, targets=batch.targets)),)

    class Sees(Victim):
        normalisation = LITE0

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))
            self.brightest = 0.0

        def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
            self.brightest = max(self.brightest, float(batch.images.max()))
            return {"a": self.weight.sum(), "b": self.weight.sum() * 2}

        def predict(self, batch: Batch) -> list[Prediction]:
            return [Prediction(labels=target.labels) for target in batch.targets]

    seen: list[tuple[int, float, float]] = []
    labels = torch.zeros(32, 32, dtype=torch.uint8)
    labels[:16] = 1
    images = torch.full((6, 3, 32, 32), 200, dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    examples, victim = Examples(images=images, targets=[Target(labels=labels)] * 6), Sees()
    trained = train_victim(
        victim, examples, examples, task=TASKS["binary"], classes=("ground", "object"),
        schedule=Schedule(image_size=32, epochs=2, batch_size=2, lr=1e-2, augment="crops"),
        countermeasure=Darken(name="dark", apply=lambda image: image), seed=0, device=torch.device("cpu"), events=Events(),
        keep_predictions=1,
    )  # fmt: skip
    assert [count for count, _, _ in seen] == [2] * 6
    assert victim.brightest == 0 and all(brightest > 0.7 for _, brightest, _ in seen)
    assert float(victim.weight.detach()) < 0  # the sum of both losses was made smaller
    assert trained.epochs[-1].scores["iou"] == trained.train_scores["iou"] == 100
    assert [prediction.labels.shape for prediction in trained.predictions] == [(32, 32)]


def test_none_changes_nothing() -> None:
    assert np.array_equal(COUNTERMEASURES["none"].picture(picture()), picture())


def test_gray_has_no_colour_left() -> None:
    out = COUNTERMEASURES["gray"].picture(picture())
    assert np.array_equal(out[..., 0], out[..., 1])
    assert np.array_equal(out[..., 0], out[..., 2])
    assert COUNTERMEASURES["gray"].also_test
    assert not any(step.also_test for name, step in COUNTERMEASURES.items() if name != "gray")


def test_bitdepth_leaves_sixteen_levels() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    assert len(np.unique(COUNTERMEASURES["bitdepth"].picture(ramp))) == 16


@pytest.mark.parametrize("name", ["jpeg10", "blur", "denoise"])
def test_fine_texture_is_weakened(name: str) -> None:
    image = picture()
    mask = np.zeros(image.shape[:2], bool)
    mask[15:45, 20:60] = True
    noisy = apply_noise(image, texture_noise(mask), mask, NoiseBudget())
    weakened, reference = COUNTERMEASURES[name].picture(noisy).astype(int), COUNTERMEASURES[name].picture(image).astype(int)
    left = np.abs(weakened - reference)[mask].mean() / np.abs(noisy.astype(int) - image)[mask].mean()
    assert left < 0.75


def test_denoise_keeps_edges_that_blur_loses() -> None:
    image = picture()
    step = {
        name: int(COUNTERMEASURES[name].picture(image)[30, 41, 0]) - int(COUNTERMEASURES[name].picture(image)[30, 38, 0])
        for name in ("denoise", "blur")
    }
    assert step["denoise"] > step["blur"] + 5
    assert step["denoise"] > 45


def test_misspelt_name_gets_a_hint() -> None:
    with pytest.raises(UsageProblem) as problem:
        find_countermeasure("jpeg57")
    assert "did you mean 'jpeg75'" in problem.value.hint


def test_ueraser_trains_on_the_version_that_the_victim_likes_least() -> None:
    batch, draw, seen = batch_of(), torch.Generator().manual_seed(0), []

    def losses(version: Batch) -> torch.Tensor:
        assert not torch.is_grad_enabled() and version.targets == batch.targets
        seen.append(version)
        return version.images.mean()

    ((weight, chosen),) = COUNTERMEASURES["ueraser"].batch(batch, draw, losses)
    assert weight == 1 and len(seen) == TRIES
    assert float(chosen.images.mean()) == max(float(version.images.mean()) for version in seen)
    assert len({float(version.images.mean()) for version in seen}) == TRIES
    assert chosen.images.min() >= 0 and chosen.images.max() <= 1 and chosen.images.is_contiguous(memory_format=torch.channels_last)
    colours = Batch(images=torch.tensor([0.9, 0.5, 0.1]).view(1, 3, 1, 1).expand(64, 3, 8, 8).contiguous(), targets=batch.targets)
    ((_, shuffled),) = COUNTERMEASURES["ueraser"].batch(colours, draw, lambda _: torch.zeros(()))
    brightest = {int(picture.mean((1, 2)).argmax()) for picture in shuffled.images}
    assert brightest == {0, 1, 2}


def test_plasma_is_cloudy_and_goes_from_0_to_1() -> None:
    clouds = plasma(3, 48, 64, torch.Generator().manual_seed(0))
    assert clouds.shape == (3, 1, 48, 64) and clouds.amin((1, 2, 3)).tolist() == [0, 0, 0] and clouds.amax((1, 2, 3)).tolist() == [1, 1, 1]
    assert (clouds[..., 1:] - clouds[..., :-1]).abs().mean() < 0.05 and not torch.equal(clouds[0], clouds[1])


def test_adversarial_pictures_are_those_of_the_largest_loss_within_the_bound() -> None:
    batch, draw = batch_of(), torch.Generator().manual_seed(0)
    inner = Batch(images=batch.images * 0.5 + 0.2, targets=batch.targets)
    signs = torch.where(torch.rand(inner.images.shape, generator=draw) < 0.5, -1.0, 1.0)
    ((weight, moved),) = COUNTERMEASURES["adversarial"].batch(inner, draw, lambda version: (version.images * signs).sum())
    assert weight == 1 and not moved.images.requires_grad
    assert torch.allclose(moved.images, inner.images + EPSILON * signs, atol=1e-6)
    bright = Batch(images=torch.ones(2, 3, 8, 8), targets=batch.targets[:2])
    ((_, kept),) = COUNTERMEASURES["adversarial"].batch(bright, draw, lambda version: version.images.sum())
    assert kept.images.max() <= 1 and (kept.images - bright.images).abs().max() <= EPSILON + 1e-6
    ((_, still),) = COUNTERMEASURES["adversarial"].batch(inner, draw, lambda _: torch.zeros((), requires_grad=True))
    assert (still.images - inner.images).abs().max() <= EPSILON + 1e-6

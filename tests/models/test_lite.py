"""The lite generator: sizes, frames, and a noise head that says where the object is."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from unseg_cli.models.build import build_generator
from unseg_cli.models.lite.generator import LiteGenerator
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.specs import SPECS, GeneratorSpec

SIZE = 64


@pytest.fixture(scope="module")
def generator() -> LiteGenerator:
    torch.manual_seed(0)
    built = build_generator(dataclasses.replace(SPECS["lite"], image_size=SIZE))
    assert isinstance(built, LiteGenerator)
    return built.eval().requires_grad_(False)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, SIZE, SIZE)


def half_mask(batch: int) -> Tensor:
    mask = torch.zeros(batch, 1, SIZE, SIZE)
    mask[..., : SIZE // 2] = 1
    return mask


def test_the_shipped_shape_is_within_its_limits() -> None:
    with torch.device("meta"):
        parameters = sum(p.numel() for p in build_generator("lite").parameters())
    assert parameters <= 15_000_000
    assert parameters * 2 <= 30_000_000, "float16 file"
    assert SPECS["lite"].image_size <= 512


def test_the_spec_survives_json() -> None:
    for spec in SPECS.values():
        assert GeneratorSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(),
        Prompt(mask=half_mask(3)),
        Prompt(boxes=torch.tensor([[4.0, 4.0, 40.0, 50.0]]).expand(3, -1)),
        Prompt(points=torch.full((3, 2, 2), 20.0)),
        Prompt(points=torch.full((3, 2, 2), 20.0), boxes=torch.tensor([[4.0, 4.0, 40.0, 50.0]]).expand(3, -1), mask=half_mask(3)),
    ],
    ids=["none", "mask", "box", "points", "all"],
)
def test_a_batch_equals_its_pictures_one_by_one(generator: LiteGenerator, images: Tensor, prompt: Prompt) -> None:
    embedding = generator.embed(images)
    together, logits = generator.draw(embedding, images, prompt), generator.detect(embedding)
    assert together.shape == (3, 3, 256, 256)
    assert logits.shape == (3, 1, SIZE // 2, SIZE // 2)
    assert together.abs().max() <= 1
    for i in range(3):
        one = {f.name: getattr(prompt, f.name) for f in dataclasses.fields(prompt)}
        one = {name: None if value is None else value[i : i + 1] for name, value in one.items()}
        assert torch.allclose(generator(images[i : i + 1], Prompt(**one)), together[i : i + 1], atol=1e-4)
        assert torch.allclose(generator.detect(generator.embed(images[i : i + 1])), logits[i : i + 1], atol=1e-3)


def test_noise_starts_in_another_colour_on_the_object_than_beside_it(generator: LiteGenerator, images: Tensor) -> None:
    inside = generator(images, Prompt(mask=torch.ones(3, 1, SIZE, SIZE)))
    outside = generator(images, Prompt(mask=torch.zeros(3, 1, SIZE, SIZE)))
    turned = outside * torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
    assert (inside.sign() == turned.sign()).float().mean() > 0.95
    assert inside.abs().mean() > 0.7, "an unused budget protects nothing"


def test_noise_is_shared_by_different_pictures(generator: LiteGenerator, images: Tensor) -> None:
    noise = generator(images, Prompt(mask=half_mask(3)))
    similarity = torch.nn.functional.cosine_similarity(noise[0].flatten(), noise[1].flatten(), dim=0)
    assert similarity > 0.9, "a shortcut has to be the same in every picture"


def test_the_same_weights_work_at_another_image_size(generator: LiteGenerator) -> None:
    larger = build_generator(dataclasses.replace(SPECS["lite"], image_size=96))
    larger.load_state_dict(generator.state_dict(), strict=True)


def test_batch_norm_and_early_layers_stay_as_they_are() -> None:
    generator = build_generator(dataclasses.replace(SPECS["lite"], image_size=SIZE)).train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in generator.parameters() if p.requires_grad], lr=0.1)
    generator.predict_mask(torch.rand(2, 3, SIZE, SIZE)).mean().backward()
    optimiser.step()
    after = generator.state_dict()
    for name in before:
        if "running_" in name or name.startswith("image_encoder.backbone.conv_stem"):
            assert torch.equal(before[name], after[name]), name
    assert not torch.equal(before["image_encoder.laterals.0.weight"], after["image_encoder.laterals.0.weight"])


def test_grey_pictures_get_finer_luma_in_green_and_the_colour_in_red_and_blue(generator: LiteGenerator, images: Tensor) -> None:
    grey = images.mean(1, keepdim=True).expand_as(images)
    mixed = torch.cat([images[:1], grey[:1]])
    noise = generator(mixed, Prompt(mask=half_mask(2)))
    colour, luma = noise[0, :, 24:216, 24:96], noise[1, 1, 24:216, 24:96]  # on the object, in whole tiles
    assert (colour[0] - colour[1]).abs().mean() > 1.5
    turns = [float((plane[:, 1:].sign() != plane[:, :-1].sign()).float().mean()) for plane in (colour[1], luma)]
    assert turns[1] == pytest.approx(2 * turns[0], rel=0.1)
    assert luma.abs().mean() > 0.9
    assert noise[1, 1, :, 160:].abs().max() < 0.05, "no luma beside it"
    assert torch.allclose(noise[1, [0, 2], 24:216, 24:96], colour[[0, 2]], atol=0.1)

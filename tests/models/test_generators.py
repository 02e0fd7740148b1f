"""What every kind of generator keeps to: whoever adds one adds a small spec to conftest.py, and all of this runs over it."""

from __future__ import annotations

import json
from itertools import combinations

import pytest
import torch
from torch import Tensor

from tests.models.conftest import SMALL, only, prompts, small_generator
from unseg_cli.models.build import KINDS, Generator, build_generator
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.specs import GeneratorSpec

PROMPTS = list(prompts())
WITH_MASK = {name for name, prompt in prompts().items() if prompt.mask is not None}


@pytest.fixture(scope="module", params=KINDS)
def generator(request: pytest.FixtureRequest) -> Generator:
    return small_generator(request.param)


@pytest.fixture(scope="module")
def noises(generator: Generator, images: Tensor) -> dict[str, Tensor]:
    """By prompt; from one embedding."""
    embedding = generator.embed(images)
    return {name: generator.draw(embedding, images, prompt) for name, prompt in prompts().items()}


@pytest.mark.parametrize("name", PROMPTS)
def test_one_embedding_drawn_from_again_and_again_gives_what_full_passes_give(
    name: str, generator: Generator, images: Tensor, noises: dict[str, Tensor]
) -> None:
    assert torch.equal(noises[name], generator(images, prompts()[name]))


@pytest.mark.parametrize("name", PROMPTS)
def test_a_batch_equals_its_pictures_one_by_one(name: str, generator: Generator, images: Tensor, noises: dict[str, Tensor]) -> None:
    alone = [generator(images[row : row + 1], only(prompts()[name], row)) for row in range(3)]
    torch.testing.assert_close(noises[name], torch.cat(alone), atol=1e-4, rtol=0)


def test_noise_has_the_specs_size_and_stays_in_its_range(generator: Generator, noises: dict[str, Tensor]) -> None:
    size = generator.spec.noise_size
    for name, noise in noises.items():
        assert noise.shape == (3, 3, size, size), name
        assert bool(torch.isfinite(noise).all()) and noise.abs().max() <= 1, name
        assert noise.std() > 1e-3, name


def test_every_part_of_a_prompt_matters(noises: dict[str, Tensor]) -> None:
    for first, second in combinations(PROMPTS, 2):
        if {first, second} <= WITH_MASK:
            continue  # what a mask leaves to the other parts differs by kind
        assert (noises[first] - noises[second]).abs().max() > 1e-4, (first, second)


def test_the_picture_matters(generator: Generator, images: Tensor, noises: dict[str, Tensor]) -> None:
    turned = generator(images.flip(-1), prompts()["box"])
    assert (turned - noises["box"]).abs().max() > 1e-5


def test_objects_are_found_without_a_prompt_where_the_spec_says_so(generator: Generator, images: Tensor) -> None:
    embedding = generator.embed(images)
    logits = generator.detect(embedding)
    assert (logits is not None) is generator.spec.finds_objects
    if logits is not None:
        assert torch.equal(logits, generator.segment(embedding, Prompt()))
        assert generator(images, Prompt()).shape == (3, 3, generator.spec.noise_size, generator.spec.noise_size)


@pytest.mark.parametrize("name", ["box", "points", "all"])
def test_masks_follow_the_prompt_and_the_batch(name: str, generator: Generator, images: Tensor) -> None:
    embedding = generator.embed(images)
    logits = generator.segment(embedding, prompts()[name])
    assert logits.shape == (3, 1, 4 * generator.spec.embed_size, 4 * generator.spec.embed_size)
    alone = [generator.segment(generator.embed(images[row : row + 1]), only(prompts()[name], row)) for row in range(3)]
    torch.testing.assert_close(logits, torch.cat(alone), atol=1e-3, rtol=0)
    assert (logits - generator.segment(embedding, Prompt(boxes=torch.tensor([[30.0, 30.0, 34.0, 34.0]] * 3)))).abs().max() > 1e-4


def test_channels_last_memory_gives_the_same_noise(generator: Generator, images: Tensor, noises: dict[str, Tensor]) -> None:
    moved = small_generator(generator.spec.kind).to(memory_format=torch.channels_last)
    noise = moved(images.to(memory_format=torch.channels_last), prompts()["all"])
    torch.testing.assert_close(noise, noises["all"], atol=1e-4, rtol=0)


def test_gradients_reach_every_parameter_of_the_noise_head(generator: Generator, images: Tensor) -> None:
    learning = build_generator(generator.spec)
    trained = learning.noise_parameters()
    own = {id(parameter) for parameter in learning.parameters()}
    assert trained and {id(parameter) for parameter in trained} < own
    mixed = torch.cat([images[:2], images[2:].mean(1, keepdim=True).expand(-1, 3, -1, -1)])  # one without colour
    learning(mixed, prompts()["mask"]).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in trained)


def test_the_spec_survives_json(generator: Generator) -> None:
    assert GeneratorSpec.from_json(json.loads(json.dumps(generator.spec.to_json()))) == generator.spec


def test_weights_fit_a_build_of_the_same_spec_and_give_the_same_noise(
    generator: Generator, images: Tensor, noises: dict[str, Tensor]
) -> None:
    twin = build_generator(generator.spec).eval().requires_grad_(False)
    twin.load_state_dict(generator.state_dict(), strict=True)
    assert torch.equal(twin(images, prompts()["mask"]), noises["mask"])


def test_every_kind_is_here() -> None:
    assert set(SMALL) == set(KINDS)

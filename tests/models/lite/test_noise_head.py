"""A noise head that says where the object is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.models.conftest import SIZE
from unseg_cli.models.build import Generator
from unseg_cli.models.prompt import Prompt
from unseg_cli.noise.eye import BRIGHTNESS


def half_mask(batch: int) -> Tensor:
    mask = torch.zeros(batch, 1, SIZE, SIZE)
    mask[..., : SIZE // 2] = 1
    return mask


def test_noise_starts_in_another_colour_on_the_object_than_beside_it(lite: Generator, images: Tensor) -> None:
    inside = lite(images, Prompt(mask=torch.ones(3, 1, SIZE, SIZE)))
    outside = lite(images, Prompt(mask=torch.zeros(3, 1, SIZE, SIZE)))
    assert torch.equal(inside[:, 0].sign(), outside[:, 0].sign())
    assert torch.equal(inside[:, 2].sign(), -outside[:, 2].sign()), "yellow against blue"


def test_noise_is_shared_by_different_pictures(lite: Generator, images: Tensor) -> None:
    noise = lite(images, Prompt(mask=half_mask(3)))
    similarity = torch.nn.functional.cosine_similarity(noise[0].flatten(), noise[1].flatten(), dim=0)
    assert similarity > 0.9, "a shortcut has to be the same in every picture"


def test_grey_pictures_get_finer_luma_in_green_and_the_colour_in_red_and_blue(lite: Generator, images: Tensor) -> None:
    grey = images.mean(1, keepdim=True).expand_as(images)
    mixed = torch.cat([images[:1], grey[:1]])
    noise = lite(mixed, Prompt(mask=half_mask(2)))
    colour, luma = noise[0, :, :240, :120], noise[1, 1, :240, :120]  # on the object
    turns = [float((plane[:, 1:].sign() != plane[:, :-1].sign()).float().mean()) for plane in (colour[0], luma)]
    assert turns[1] == pytest.approx(2 * turns[0], rel=0.1)
    assert luma.abs().mean() > 0.9
    assert torch.allclose(noise[1, [0, 2], :240, :120], colour[[0, 2]], atol=0.1)


def test_the_two_colours_on_an_object_are_equally_bright(lite: Generator) -> None:
    weights = torch.tensor(BRIGHTNESS).view(3, 1, 1)
    inside = lite.noise_head.planes[0]
    assert (inside * weights).sum(0).abs().max() < 0.02
    assert inside.abs().amax() > 0.9, "an unused budget protects nothing"

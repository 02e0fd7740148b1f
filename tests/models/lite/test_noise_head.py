"""A noise head that says where the object is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.models.conftest import SIZE
from unseg_cli.models.build import Generator
from unseg_cli.models.prompt import Prompt


def half_mask(batch: int) -> Tensor:
    mask = torch.zeros(batch, 1, SIZE, SIZE)
    mask[..., : SIZE // 2] = 1
    return mask


def test_noise_starts_in_another_colour_on_the_object_than_beside_it(lite: Generator, images: Tensor) -> None:
    inside = lite(images, Prompt(mask=torch.ones(3, 1, SIZE, SIZE)))
    outside = lite(images, Prompt(mask=torch.zeros(3, 1, SIZE, SIZE)))
    turned = outside * torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
    assert (inside.sign() == turned.sign()).float().mean() > 0.95
    assert inside.abs().mean() > 0.7, "an unused budget protects nothing"


def test_noise_is_shared_by_different_pictures(lite: Generator, images: Tensor) -> None:
    noise = lite(images, Prompt(mask=half_mask(3)))
    similarity = torch.nn.functional.cosine_similarity(noise[0].flatten(), noise[1].flatten(), dim=0)
    assert similarity > 0.9, "a shortcut has to be the same in every picture"


def test_grey_pictures_get_finer_luma_in_green_and_the_colour_in_red_and_blue(lite: Generator, images: Tensor) -> None:
    grey = images.mean(1, keepdim=True).expand_as(images)
    mixed = torch.cat([images[:1], grey[:1]])
    noise = lite(mixed, Prompt(mask=half_mask(2)))
    colour, luma = noise[0, :, 24:216, 24:96], noise[1, 1, 24:216, 24:96]  # on the object, in whole tiles
    assert (colour[0] - colour[1]).abs().mean() > 1.5
    turns = [float((plane[:, 1:].sign() != plane[:, :-1].sign()).float().mean()) for plane in (colour[1], luma)]
    assert turns[1] == pytest.approx(2 * turns[0], rel=0.1)
    assert luma.abs().mean() > 0.9
    assert noise[1, 1, :, 160:].abs().max() < 0.05, "no luma beside it"
    assert torch.allclose(noise[1, [0, 2], 24:216, 24:96], colour[[0, 2]], atol=0.1)

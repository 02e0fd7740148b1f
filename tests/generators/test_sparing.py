"""Noise goes where the picture hides it."""

from __future__ import annotations

import pytest
import torch

from unseg_cli.generators import sparing as module
from unseg_cli.generators.sparing import FLOOR, GREY_COLOUR, PEOPLE, PEOPLE_BLUE, visibility_weight

SIZE = 64


def test_smooth_places_are_spared_and_detail_is_not() -> None:
    image = torch.full((2, 3, SIZE, SIZE), 0.6)
    image[1, :, :, : SIZE // 2] = torch.rand(1, SIZE, SIZE // 2)
    image[:, 0] *= 0.9
    weight = visibility_weight(image)
    assert weight.shape == (2, 3, SIZE // 2, SIZE // 2)
    assert torch.allclose(weight[0], torch.full_like(weight[0], FLOOR), atol=0.03)
    assert weight[1, 0, 4:-4, 4 : SIZE // 4 - 4].min() > 0.9
    assert weight[1, 0, :, SIZE // 4 + 6 :].max() < FLOOR + 0.03
    assert weight.max() <= 1


def test_a_lone_edge_does_not_count_as_detail() -> None:
    image = torch.zeros(1, 3, SIZE, SIZE)
    image[..., SIZE // 2 :] = 1
    assert visibility_weight(image)[..., : SIZE // 4 - 3].max() < FLOOR + 0.1


def test_people_are_spared_though_they_have_detail_and_so_is_the_colour_of_grey_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    left = torch.zeros(2, 1, SIZE, SIZE)
    left[..., : SIZE // 2] = 1
    monkeypatch.setattr(module, "people", lambda _: left)
    image = torch.rand(2, 3, SIZE, SIZE)
    image[1] = image[1, :1]
    weight = visibility_weight(image)
    inside = weight[..., 8:-8, : SIZE // 4 - 6].mean((2, 3))
    shares = torch.tensor([PEOPLE, PEOPLE, PEOPLE_BLUE])
    grey_shares = torch.tensor([GREY_COLOUR, 1, GREY_COLOUR])
    assert torch.allclose(inside, torch.stack([shares, shares * grey_shares]))
    assert weight[0, :, 8:-8, SIZE // 4 + 6 : -8].min() > 0.9

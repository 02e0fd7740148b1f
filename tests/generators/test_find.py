"""Detections: the generator's own, at the picture's own size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.generators.stand_in import StandIn
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.generators.find import ENOUGH, SMALLEST_OBJECT, Found, OwnFinder, told_at, where_above
from unseg_cli.generators.scenes import Scenes
from unseg_cli.generators.session import Session
from unseg_cli.models.prompt import Prompt
from unseg_cli.noise.field import Enlarged


def picture(height: int, width: int, object_rows: int) -> np.ndarray:
    image = np.full((height, width, 3), 40, np.uint8)
    image[:object_rows] = 220
    return image


@pytest.mark.parametrize(("height", "width"), [(96, 128), (128, 96), (64, 64), (700, 20)])
def test_the_object_is_marked_where_it_is_at_any_size(height: int, width: int) -> None:
    session = Session(StandIn())
    (found,) = OwnFinder(session.generator).find(session.look([picture(height, width, height // 2)]))
    assert found is not None and found.mask.shape == (height, width)
    assert abs(found.mask[:, width // 2].sum() - height / 2) <= max(2, height / 64)


@pytest.mark.parametrize(("height", "width"), [(300, 400), (2600, 1950), (1, 5000), (3100, 7), (2731, 4001)])
def test_the_mask_of_a_large_picture_is_that_of_all_of_its_pixels_but_for_its_edge(height: int, width: int) -> None:
    plane = np.random.default_rng(0).random((1, 9, 12), np.float32)
    mask, exact = where_above(plane, 0.5, (height, width)), Enlarged(plane, (height, width)).rows(slice(None))[..., 0] > 0.5
    assert mask.shape == (height, width)
    assert np.array_equal(mask, exact) or max(height, width) >= 2 * ENOUGH
    assert (mask != exact).mean() < 0.01
    small = told_at((height, width))
    assert min(max(height, width), ENOUGH) <= max(small) <= 2 * ENOUGH


def test_a_speck_is_no_object() -> None:
    session = Session(StandIn())
    dark, lit = np.full((64, 64, 3), 40, np.uint8), np.full((64, 64, 3), 40, np.uint8)
    lit[10:14, 10:14] = 255
    lit_share = 16 / 64**2
    assert lit_share < SMALLEST_OBJECT
    assert OwnFinder(session.generator).find(session.look([dark, lit])) == [None, None]


def test_what_is_pointed_at_may_be_a_speck() -> None:
    session = Session(StandIn())
    scenes = session.look([picture(64, 64, 32)])
    (found,) = session.finder.find(scenes, Prompt(boxes=torch.tensor([[10.0, 10.0, 12.0, 13.0]])))
    assert found is not None and found.mask.sum() == 6 < SMALLEST_OBJECT * 64**2
    assert session.finder.find(scenes, Prompt(boxes=torch.tensor([[10.0, 10.0, 10.0, 10.0]]))) == [None]


def test_a_generator_that_does_not_look_for_objects_finds_none() -> None:
    session = Session(StandIn(detects=False))
    assert session.finder.find(session.look([picture(64, 64, 32)] * 2)) == [None, None]
    (made,) = session.noise([picture(64, 64, 32)], [None], budget=NoiseBudget())
    assert made.mask_source == "whole" and made.mask.all()


def test_another_finder_takes_the_place_of_the_generator_s() -> None:
    class RightHalf:
        name = "right half"

        def find(self, scenes: Scenes, prompt: Prompt | None = None) -> list[Found | None]:
            mask = np.zeros(scenes.images[0].shape[:2], bool)
            mask[:, mask.shape[1] // 2 :] = True
            return [Found(mask=mask, confidence=0.25, finder=self.name)] * len(scenes)

    (made,) = Session(StandIn(), RightHalf()).noise([picture(64, 64, 32)], [None], budget=NoiseBudget())
    assert (made.mask_source, made.confidence) == ("auto", 0.25)
    assert np.array_equal(made.mask, np.arange(64)[None].repeat(64, 0) >= 32)


def test_the_same_scenes_can_be_asked_again_with_a_prompt() -> None:
    generator = StandIn()
    session = Session(generator)
    scenes = session.look([picture(64, 64, 32)])
    first, second = (session.finder.find(scenes, prompt)[0] for prompt in (None, Prompt(boxes=torch.tensor([[8.0, 40.0, 24.0, 60.0]]))))
    assert generator.looks == 1
    assert first is not None and first.mask[:31].all() and not first.mask[33:].any()
    assert second is not None and second.mask.sum() == 16 * 20 and second.mask[40:60, 8:24].all()

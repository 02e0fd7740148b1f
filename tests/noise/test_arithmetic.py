"""Bounds, whole levels, and what is read off a frame."""

from __future__ import annotations

import numpy as np
import pytest

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.noise.arithmetic import bounds_of, budget_levels, is_grey, luma_of, sigmoid, to_frames_01, whole_levels


def test_each_place_has_its_bound_to_the_last_bit() -> None:
    mask = np.array([[True, False]])
    for inside, outside in ((8, 0), (8, 2), (4.6, 1.3), (40, 40)):
        bound = bounds_of(mask, NoiseBudget(inside / 255, outside / 255), 255)
        assert bound.dtype == np.float32
        assert bound[0, 0] == np.float32(inside / 255 * 255) and bound[0, 1] == np.float32(outside / 255 * 255)


def test_a_bound_of_less_than_a_level_is_none() -> None:
    assert bounds_of(np.zeros((1, 1), bool), NoiseBudget(8 / 255, 0.6 / 255), 255)[0, 0] == 0


@pytest.mark.parametrize("levels", [4.0, 4.2, 4.4, 4.5, 4.6, 4.99])
@pytest.mark.parametrize("full_scale", [255, 65535])
def test_rounding_never_goes_beyond_the_budget(levels: float, full_scale: int) -> None:
    budget, mask = NoiseBudget(levels / 255, 0), np.ones((1, 2001), bool)
    noise = np.linspace(-1, 1, 2001, dtype=np.float32)[None] * bounds_of(mask, budget, full_scale)
    made = whole_levels(noise, mask, budget, full_scale)
    assert np.abs(made).max() == budget_levels(levels / 255, full_scale) and (made == np.rint(made)).all()


def test_probabilities_of_extreme_logits() -> None:
    found = sigmoid(np.array([-1000, -1, 0, 1, 1000], np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0, 0.26894142, 0.5, 0.73105858, 1], atol=1e-6)


def test_grey_is_told_up_to_two_levels() -> None:
    image = np.full((5, 7, 3), 100, np.uint8)
    image[2, 3, 1] = 102
    assert is_grey(to_frames_01(image))
    image[2, 3, 1] = 103
    assert not is_grey(to_frames_01(image))
    assert luma_of(to_frames_01(np.full((2, 2, 3), 255, np.uint8))) == pytest.approx(1)

"""The generator's square frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unseg_cli.generators.frame import mask_to_frame, own_part, place_in_frame, to_frame


@pytest.mark.parametrize(("height", "width", "inner"), [(50, 100, (32, 64)), (100, 50, (64, 32)), (64, 64, (64, 64)), (1, 3000, (1, 64))])
def test_the_longer_side_fills_the_frame_and_the_rest_is_black(height: int, width: int, inner: tuple[int, int]) -> None:
    frame = to_frame(np.full((height, width, 3), 255, np.uint8), 64)
    assert frame.shape == (3, 64, 64)
    assert own_part(frame, (height, width)).shape == (3, *inner)
    assert (own_part(frame, (height, width)) == 1).all()
    assert frame.sum() == 3 * inner[0] * inner[1]


def test_a_mask_becomes_the_share_of_foreground() -> None:
    mask = np.zeros((128, 128), bool)
    mask[:, :64] = True
    plane = mask_to_frame(mask, 64)
    assert plane.shape == (1, 64, 64)
    assert torch.equal(plane[0, :, :31], torch.ones(64, 31)) and torch.equal(plane[0, :, 33:], torch.zeros(64, 31))


@pytest.mark.parametrize(
    ("shape", "place", "expected"), [((50, 100), (100, 50), (64, 32)), ((100, 50), (25, 10), (16, 6.4)), ((64, 64), (3, 4), (3, 4))]
)
def test_a_place_in_the_picture_is_found_again_in_its_frame(
    shape: tuple[int, int], place: tuple[int, int], expected: tuple[float, float]
) -> None:
    assert place_in_frame(*place, shape, 64) == pytest.approx(expected)

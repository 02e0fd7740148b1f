"""The generator's square frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from unseg_cli.generators.frame import LARGEST_FRAME, at_size, mask_to_frame, own_part, place_in_frame, shrunk, to_frame, to_square


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
    assert (plane[0, :, :31] == 1).all() and (plane[0, :, 33:] == 0).all()


def test_large_pictures_are_shrunk_once_and_look_the_same_to_networks() -> None:
    across = np.linspace(0, 255, 4001).astype(np.uint8)
    image = np.stack([np.broadcast_to(across, (2500, 4001)), np.full((2500, 4001), 90), np.broadcast_to(across[::-1], (2500, 4001))], 2)
    image = image.astype(np.uint8)
    small = shrunk(image)
    assert 3 * LARGEST_FRAME <= max(small.shape) < max(image.shape) / 3
    assert np.abs(to_frame(small, 256, image.shape) - to_frame(image, 256)).max() < 3 / 255
    assert np.abs(to_square(small, 320) - to_square(image, 320)).max() < 3 / 255
    assert shrunk(image[:900, :900]) is not None and shrunk(image[:900, :900]).shape == (900, 900, 3)


@pytest.mark.parametrize("shape", [(2003, 3001), (97, 6001), (1, 3000), (4000, 5)])
def test_strips_shrink_as_the_whole_does(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    factor = int(max(shape) / LARGEST_FRAME / 3)
    assert np.array_equal(shrunk(image), np.asarray(Image.fromarray(image).reduce(factor)))


def test_a_shrunk_picture_fills_the_same_part_of_the_frame() -> None:
    """Whole factors round: 1999 pixels become 500, and 1001 become 251."""
    image = np.full((1001, 1999, 3), 255, np.uint8)
    frame = to_frame(image[::4, ::4], 256, image.shape)
    assert (own_part(frame, image.shape) == 1).all() and frame.sum() == own_part(frame, image.shape).size


@pytest.mark.parametrize(
    ("shape", "place", "expected"), [((50, 100), (100, 50), (64, 32)), ((100, 50), (25, 10), (16, 6.4)), ((64, 64), (3, 4), (3, 4))]
)
def test_a_place_in_the_picture_is_found_again_in_its_frame(
    shape: tuple[int, int], place: tuple[int, int], expected: tuple[float, float]
) -> None:
    assert place_in_frame(*place, shape, 64) == pytest.approx(expected)


def test_a_mask_becomes_as_large_as_its_picture() -> None:
    mask = np.array([[True, False, False], [False, True, True]])
    assert np.array_equal(at_size(mask, (4, 6)), mask.repeat(2, 0).repeat(2, 1))
    assert at_size(mask, (2, 3)) is mask
    assert np.array_equal(at_size(mask, (3, 3)), mask[[0, 0, 1]])

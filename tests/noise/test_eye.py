"""What is told of a tile beforehand is what is measured of a picture that has it."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.noise.closed_form import tiled
from unseg_cli.noise.eye import BRIGHTNESS, resolved, strongest, visible_difference
from unseg_cli.pictures.difference import perceive

MAGENTA, EQUALLY_BRIGHT, YELLOW, LUMA = (1.0, -1.0, 1.0), (1.0, -0.4, 1.0), (1.0, 1.0, -1.0), (1.0, 1.0, 1.0)
LEVELS = 8


def check(colour: tuple[float, ...], cell: int = 6, side: int = 24) -> FloatArray:
    """(side, side, 3), a checkerboard."""
    place = np.arange(side) // cell
    signs = 1 - 2 * ((place[:, None] + place) % 2)
    return (signs[..., None] * np.array(colour)).astype(np.float32)


def plain(*colour: int, height: int = 160, width: int = 320) -> U8Array:
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3)).copy()


def planes(array: FloatArray | U8Array) -> FloatArray:
    return np.ascontiguousarray(array.transpose(2, 0, 1)).astype(np.float32)


def random_tile(*shape: int) -> FloatArray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


def told(picture: U8Array, tile: FloatArray, pitch: int) -> FloatArray:
    """The difference at every place, beforehand."""
    changes = planes(tile) * np.float32(LEVELS / 255)
    height, width = (side // 4 for side in picture.shape[:2])
    colours = planes(picture[: 4 * height, : 4 * width]).reshape(3, height, 4, width, 4).mean((2, 4)) / np.float32(255)
    seen = strongest(resolved(changes, max(picture.shape) / pitch))
    return visible_difference(colours, seen, np.abs(changes).max((1, 2)))


def measured(picture: U8Array, tile: FloatArray, pitch: int) -> float:
    """The 95th percentile of the difference, afterwards."""
    drawn = np.clip(np.rint(picture + tiled(tile, picture.shape[:2], pitch) * LEVELS), 0, 255).astype(np.uint8)
    return perceive(picture, drawn).p95


@pytest.mark.parametrize("colour", [MAGENTA, EQUALLY_BRIGHT, YELLOW, LUMA], ids=str)
def test_on_a_middling_colour_it_is_what_is_measured_afterwards(colour: tuple[float, ...]) -> None:
    picture, tile = plain(120, 120, 120), check(colour)
    assert measured(picture, tile, 80) == pytest.approx(float(told(picture, tile, 80).max()), rel=0.15)


@pytest.mark.parametrize("colour", [MAGENTA, EQUALLY_BRIGHT, YELLOW, LUMA], ids=str)
def test_so_it_is_on_a_photograph(colour: tuple[float, ...]) -> None:
    picture, tile = data.chelsea(), check(colour)
    assert measured(picture, tile, 120) == pytest.approx(float(np.percentile(told(picture, tile, 120), 95)), rel=0.15)


@pytest.mark.parametrize("colour", [MAGENTA, EQUALLY_BRIGHT, YELLOW, LUMA], ids=str)
@pytest.mark.parametrize("surface", [(200, 40, 40), (40, 180, 50), (40, 60, 200), (198, 140, 100), (30, 25, 40)], ids=str)
def test_on_other_colours_it_is_what_is_measured_afterwards(surface: tuple[int, ...], colour: tuple[float, ...]) -> None:
    picture, tile = plain(*surface), check(colour)
    assert measured(picture, tile, 160) == pytest.approx(float(told(picture, tile, 160).max()), rel=0.15)


def test_no_change_is_not_seen() -> None:
    seen = strongest(resolved(np.zeros((3, 24, 24), np.float32), 2.0))
    assert np.abs(visible_difference(random_tile(3, 8, 8) + np.float32(0.5), seen, np.zeros(3, np.float32))).max() == 0


def test_finer_cells_of_colour_show_less() -> None:
    picture = plain(120, 120, 120)
    differences = [float(told(picture, check(EQUALLY_BRIGHT), pitch).max()) for pitch in (40, 80, 120, 160)]
    assert differences == sorted(differences, reverse=True)
    assert differences[0] > 4 * differences[-1]


def test_colours_of_one_brightness_show_less_than_light_and_dark_in_fine_cells() -> None:
    picture = plain(120, 120, 120)
    colour, luma = (float(told(picture, check(kind), 160).max()) for kind in (EQUALLY_BRIGHT, LUMA))
    assert colour < luma / 4


def test_what_is_resolved_keeps_the_mean_and_loses_the_detail() -> None:
    tile = random_tile(3, 24, 24)
    near, far = resolved(tile, 8.0), resolved(tile, 0.5)
    assert near.shape == (2, 3, 24, 24)
    for found in (*near, *far):
        assert np.allclose(found.mean((1, 2)), tile.mean((1, 2)), atol=1e-6)
    assert all(beyond.std() < close.std() < tile.std() for beyond, close in zip(far, near, strict=True))
    for kept in resolved(tile, 1e4):
        assert np.allclose(kept, tile, atol=1e-4)


def test_brightness_is_resolved_finer_than_colour() -> None:
    fine, coarse = resolved(planes(check(LUMA)), 2.0)
    assert np.abs(coarse).max() < 0.2 < 0.9 < np.abs(fine).max()


def test_the_strongest_colours_are_of_the_tile() -> None:
    tile = random_tile(2, 3, 24, 24)
    chosen = strongest(tile)
    assert chosen.shape == (4, 2, 3)
    flat = tile.reshape(2, 3, -1).transpose(2, 0, 1)
    assert all((colour == flat).all((1, 2)).any() for colour in chosen)
    weights = np.array(BRIGHTNESS)
    assert abs(chosen[0, 0] @ weights) == pytest.approx(float(np.abs(flat[:, 0] @ weights).max()))


def test_beside_white_what_is_left_of_a_tile_is_a_tint() -> None:
    """However fine: half of it is cut off."""
    changes = planes(check(EQUALLY_BRIGHT)) * np.float32(LEVELS / 255)
    seen, amplitude = strongest(resolved(changes, 0.1)), np.abs(changes).max((1, 2))
    white, grey = (visible_difference(np.full((3, 2, 2), level, np.float32), seen, amplitude).max() for level in (1.0, 0.5))
    assert white > 1 > 3 * grey

"""The difference that is seen: blind where eyes are, plain CIEDE2000 where nothing is fine, the same for any strips."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.color import deltaE_ciede2000, rgb2lab, rgb2xyz, xyz2lab

from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.noise.closed_form import tiled
from unseg_cli.pictures.difference import perceive, perceived_map

CHECK = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)[..., None]
MAGENTA, GREY = np.array([1.0, -1.0, 1.0], np.float32), np.ones(3, np.float32)


def with_cells(picture: U8Array, cells: float, levels: int, colour: FloatArray = MAGENTA) -> U8Array:
    """The picture under a check, so many cells along its longer side."""
    noise = tiled(CHECK * colour, picture.shape[:2], cells)
    return np.clip(picture + np.rint(noise * levels), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures() -> list[U8Array]:
    """The three that the table was made with."""
    return [data.astronaut(), data.chelsea(), data.coffee()]


def by_definition(picture: U8Array) -> FloatArray:
    """The eye's picture in CIELAB, by the formulas alone, in double precision."""
    xyz = rgb2xyz(picture / 255)
    y = gaussian_filter(xyz[..., 1], 0.028 * 60)
    x, z = (y + gaussian_filter(xyz[..., k] - xyz[..., 1], 0.13 * 60) for k in (0, 2))
    return xyz2lab(np.stack([x, y, z], -1).clip(0))


def test_equal_pictures(pictures: list[U8Array]) -> None:
    seen = perceived_map(pictures[1], pictures[1])
    assert seen.shape == pictures[1].shape[:2] and seen.dtype == np.float32
    assert (seen == 0).all()
    both = perceive(pictures[1], pictures[1])
    assert (both.mean, both.p95) == (0, 0)


@pytest.mark.parametrize("colours", [((90, 120, 60), (98, 112, 68)), ((250, 3, 3), (242, 11, 0)), ((128, 128, 128), (129, 129, 129))])
def test_of_even_surfaces_it_is_plain_ciede2000(colours: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    one, other = (np.broadcast_to(np.array(colour, np.uint8), (40, 70, 3)).copy() for colour in colours)
    plain = deltaE_ciede2000(rgb2lab(one[0, 0]), rgb2lab(other[0, 0]))
    np.testing.assert_allclose(perceived_map(one, other), plain, atol=2e-3)


def test_by_definition(pictures: list[U8Array]) -> None:
    for picture in pictures[1:]:
        other = with_cells(picture, 20, 8)
        off = np.abs(perceived_map(picture, other) - deltaE_ciede2000(by_definition(picture), by_definition(other)))
        assert off.mean() < 1e-3 and np.quantile(off, 0.999) < 0.01


def test_the_table_that_cells_were_chosen_by(pictures: list[U8Array]) -> None:
    """Mean over three photographs of magenta checks, as they were measured when the size of cells was decided."""
    known = {(20, 4): 1.30, (40, 8): 0.78, (40, 4): 0.40, (64, 8): 0.55, (64, 4): 0.27, (96, 8): 0.35, (96, 4): 0.17, (128, 4): 0.12}
    found = {
        (cells, levels): np.mean([perceive(picture, with_cells(picture, cells, levels)).mean for picture in pictures])
        for cells, levels in known
    }
    assert found == pytest.approx(known, abs=0.1)
    assert found[64, 4] == pytest.approx(0.27, abs=0.02) and found[40, 4] == pytest.approx(0.41, abs=0.02)


def test_fine_colour_is_seen_less_than_coarse_and_lightness_more_than_colour() -> None:
    plain = np.full((240, 320, 3), 120, np.uint8)
    colour = [perceive(plain, with_cells(plain, cells, 8)).mean for cells in (10, 20, 40, 80)]
    assert colour == sorted(colour, reverse=True) and colour[0] > 4 * colour[-1]
    lightness = perceive(plain, with_cells(plain, 80, 8, GREY)).mean
    assert lightness > 2 * colour[-1]


def test_more_noise_is_seen_more(pictures: list[U8Array]) -> None:
    picture = pictures[1]
    seen = [perceive(picture, with_cells(picture, 40, levels)) for levels in (1, 2, 4, 8, 16)]
    assert [one.mean for one in seen] == sorted(one.mean for one in seen)
    assert [one.p95 for one in seen] == sorted(one.p95 for one in seen)
    assert all(one.p95 > one.mean > 0 for one in seen)


def test_the_further_away_the_less_is_seen(pictures: list[U8Array]) -> None:
    other = with_cells(pictures[1], 30, 8)
    near, far = (perceive(pictures[1], other, pixels_per_degree=density).mean for density in (30, 120))
    assert near > 1.5 * far


@pytest.mark.parametrize("rows", [1, 16, 100, 299])
def test_strips_are_the_same_as_the_whole(pictures: list[U8Array], rows: int) -> None:
    clean = pictures[1][:, :200]
    other = with_cells(clean, 40, 8)
    whole = perceived_map(clean, other, rows=10_000)
    np.testing.assert_allclose(perceived_map(clean, other, rows=rows), whole, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 200, 3), (200, 3, 3)])
def test_pictures_smaller_than_the_blur(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    clean, other = rng.integers(0, 256, (2, *shape)).astype(np.uint8)
    seen = perceived_map(clean, other)
    assert seen.shape == shape[:2] and np.isfinite(seen).all() and seen.max() > 0


def test_grey_ink_and_16_bits_are_seen_as_the_colours_they_are(pictures: list[U8Array]) -> None:
    clean, other = pictures[1], with_cells(pictures[1], 40, 8)
    deep = perceived_map(clean.astype(np.uint16) * 257, other.astype(np.uint16) * 257)
    np.testing.assert_allclose(deep, perceived_map(clean, other), atol=2e-3)

    grey = np.repeat(clean[..., :1], 3, axis=2), np.repeat(other[..., :1], 3, axis=2)
    np.testing.assert_allclose(perceived_map(clean[..., 0], other[..., 0]), perceived_map(*grey), atol=2e-3)

    inks = [np.concatenate([255 - picture, np.zeros_like(picture[..., :1])], axis=2) for picture in (clean, other)]
    np.testing.assert_allclose(perceived_map(*inks), perceived_map(clean, other), atol=2e-3)


def test_different_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in kind"):
        perceived_map(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8))

"""Tiles over a picture: the same in strips as in whole, another outside the object, and as many as a file of its size takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseg_cli.noise.field import Enlarged
from unseg_cli.noise.tiles import (
    CLOSE_SIDE,
    FINER,
    GROWTH_LIMITED,
    MOST,
    MOST_CLOSE,
    MOST_LIMITED,
    USUAL_SIDE,
    TileField,
    Tiles,
    pitch_for,
)

RNG = np.random.default_rng(0)
INSIDE, OUTSIDE = (RNG.uniform(-1, 1, (8, 8, 3)).astype(np.float32) for _ in range(2))
USUAL = {"pitch": 240, "cell": 6}


def disc(height: int = 70, width: int = 90) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 3) ** 2


def shares(height: int = 70, width: int = 90) -> Enlarged:
    return Enlarged(np.random.default_rng(0).random((1, 9, 12), np.float32), (height, width))


@pytest.mark.parametrize("share", [None, shares()], ids=["all", "share"])
def test_rows_are_the_same_in_strips_and_in_whole(share: Enlarged | None) -> None:
    field = TileField(INSIDE, OUTSIDE, disc(), 33.3, share)
    whole = field.rows(slice(None))
    assert field.size == (70, 90) and whole.shape == (70, 90, 3) and whole.dtype == np.float32
    for height in (1, 7, 16, 70):
        strips = [field.rows(slice(start, start + height)) for start in range(0, 70, height)]
        assert np.array_equal(np.concatenate(strips), whole)


def test_each_place_has_the_tile_that_is_its_own() -> None:
    mask = disc()
    both, inside, outside = (
        TileField(INSIDE, OUTSIDE, where, 33.3).rows(slice(None)) for where in (mask, np.ones_like(mask), np.zeros_like(mask))
    )
    assert np.array_equal(both[mask], inside[mask])
    assert np.array_equal(both[~mask], outside[~mask])
    assert set(map(tuple, inside.reshape(-1, 3))) == set(map(tuple, INSIDE.reshape(-1, 3)))
    assert set(map(tuple, outside.reshape(-1, 3))) == set(map(tuple, OUTSIDE.reshape(-1, 3)))


def test_a_tile_comes_again_after_its_period() -> None:
    noise = TileField(INSIDE, OUTSIDE, np.ones((64, 96), bool), 48).rows(slice(None))  # 2 pixels for one of the tile's, 16 for all
    assert np.array_equal(noise[:16], noise[16:32])
    assert np.array_equal(noise[:, :16], noise[:, 80:])
    assert np.array_equal(noise[:16:2, :16:2], INSIDE)


def test_the_share_is_that_of_the_place_on_the_object_and_outside() -> None:
    share, everywhere = shares(), np.ones((70, 90), bool)
    for mask in (everywhere, ~everywhere):
        full, part = (TileField(INSIDE, OUTSIDE, mask, 30, given).rows(slice(None)) for given in (None, share))
        middles = share.rows(slice(None))[1::3, 1::3]  # 3 pixels for one of the tile's
        each = np.repeat(np.repeat(middles, 3, axis=0), 3, axis=1)
        assert np.allclose(part[:69], full[:69] * each[:69])
        assert np.abs(part).sum() < np.abs(full).sum()


def test_outside_of_the_object_another_share_can_count() -> None:
    mask, everywhere, beside = disc(), shares(), Enlarged(np.full((1, 2, 2), 0.25, np.float32), (70, 90))
    full, one, both = (
        TileField(INSIDE, OUTSIDE, mask, 33.3, *given).rows(slice(None)) for given in ((), (everywhere,), (everywhere, beside))
    )
    assert np.array_equal(both[mask], one[mask])
    assert np.array_equal(both[~mask], 0.25 * full[~mask])


def test_noise_times_its_bound_in_a_part_of_the_picture() -> None:
    field, bound = TileField(INSIDE, OUTSIDE, disc(), 33.3, shares()), np.random.default_rng(1).random((70, 90)).astype(np.float32)
    whole = field.rows(slice(None)) * bound[..., None]
    for rows, columns in ((slice(0, 70), slice(0, 90)), (slice(11, 40), slice(33, 71)), (slice(0, 1), slice(89, 90))):
        assert np.allclose(field.times(bound[rows, columns], rows, columns).transpose(1, 2, 0), whole[rows, columns], atol=1e-6)


def test_drawing_leaves_the_tiles_alone() -> None:
    before = INSIDE.copy(), OUTSIDE.copy()
    TileField(INSIDE, OUTSIDE, disc(), 33.3, shares()).rows(slice(None))
    assert np.array_equal(INSIDE, before[0]) and np.array_equal(OUTSIDE, before[1])


def test_grey_pictures_have_tiles_of_their_own() -> None:
    grey = [RNG.uniform(-1, 1, (8, 8, 3)).astype(np.float32) for _ in range(2)]
    tiles = Tiles(inside=INSIDE, outside=OUTSIDE, inside_grey=grey[0], outside_grey=grey[1], **USUAL)
    assert tiles.of(False)[0] is INSIDE and tiles.of(False)[1] is OUTSIDE
    assert tiles.of(True)[0] is grey[0] and tiles.of(True)[1] is grey[1]


@pytest.mark.parametrize(
    ("side", "min_cell", "pitch"),
    [
        (USUAL_SIDE, 8.0, 240),  # cells of 15 pixels
        (400, 8.0, 240),  # of 10
        (320, 8.0, 240),  # of 8, the least
        (160, 8.0, 120),  # of 8: as coarse for the picture as the file demands
        (160, 1.0, 240),
        (2 * USUAL_SIDE, 8.0, 240 * 2**0.5),
        (4 * USUAL_SIDE, 8.0, 240 * MOST),
        (40 * USUAL_SIDE, 8.0, 240 * MOST),  # not more
        (USUAL_SIDE, 30.0, 120),
        (1, 8.0, 1.0),
    ],
)
def test_how_many_tiles_a_picture_has(side: int, min_cell: float, pitch: float) -> None:
    assert pitch_for(side, **USUAL, min_cell=min_cell) == pytest.approx(pitch)


@pytest.mark.parametrize(("side", "share"), [(USUAL_SIDE, FINER), (10 * USUAL_SIDE, FINER), (320, 1.0), (160, 1.0)])
def test_pictures_that_are_looked_at_closely_have_smaller_cells_where_the_file_takes_them(side: int, share: float) -> None:
    usual, closely = (pitch_for(side, **USUAL, min_cell=8.0, closely=closely) for closely in (False, True))
    assert closely == pytest.approx(share * usual)


@pytest.mark.parametrize(
    ("side", "pitch"),
    [(400, 240), (USUAL_SIDE, 240), (2 * USUAL_SIDE, 240 * 2**GROWTH_LIMITED), (4000, 240 * MOST_LIMITED), (40_000, 240 * MOST_LIMITED)],
)
def test_under_a_limit_of_what_shows_cells_of_large_files_are_smaller(side: int, pitch: float) -> None:
    assert pitch_for(side, **USUAL, min_cell=8.0, limited=True) == pytest.approx(pitch)


@pytest.mark.parametrize(
    ("side", "pitch"),
    [(320, 240), (CLOSE_SIDE, 240 * FINER), (1000, 2.5 * 240 * FINER), (5 * CLOSE_SIDE, 5 * 240 * FINER), (4000, MOST_CLOSE * 240 * FINER)],
)
def test_under_the_limit_of_what_is_looked_at_closely_cells_keep_their_side(side: int, pitch: float) -> None:
    assert pitch_for(side, **USUAL, min_cell=8.0, limited=True, closely=True) == pytest.approx(pitch)


@given(st.integers(1, 20_000), st.floats(1, 64))
def test_a_cell_is_never_finer_than_the_smallest_and_never_less_than_one_for_the_picture(side: int, min_cell: float) -> None:
    pitch = pitch_for(side, **USUAL, min_cell=min_cell)
    assert 1 <= pitch <= 240 * MOST
    assert pitch == 1 or side * USUAL["cell"] / pitch >= min_cell * (1 - 1e-9)


@given(st.integers(1, 10_000), st.booleans(), st.booleans())
def test_a_larger_file_has_no_smaller_cells(side: int, limited: bool, closely: bool) -> None:
    cells = [length / pitch_for(length, **USUAL, min_cell=1.0, limited=limited, closely=closely) for length in (side, 2 * side)]
    assert cells[1] >= cells[0] * (1 - 1e-9)

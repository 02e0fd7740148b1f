"""Noise row by row: the same as the whole map enlarged at once, and never all of it in memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from unseg_cli.noise.field import ArrayField, Enlarged, NoiseField, Rows

SIDES = st.integers(1, 70)


def enlarged_at_once(small: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return F.interpolate(torch.from_numpy(small)[None], size, mode="bilinear", align_corners=False)[0].permute(1, 2, 0).numpy()


def random_map(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@given(h=SIDES, w=SIDES, height=SIDES, width=SIDES, start=st.integers(0, 69), count=st.integers(1, 70), seed=st.integers(0, 9))
def test_rows_are_those_of_the_whole_interpolation(h: int, w: int, height: int, width: int, start: int, count: int, seed: int) -> None:
    small = random_map(3, h, w, seed=seed)
    part = slice(start % height, start % height + count)
    rows = NoiseField(small, (height, width)).rows(part)
    expected = enlarged_at_once(small, (height, width))[part]
    assert rows.dtype == np.float32 and rows.shape == expected.shape
    # torch's kernel for small pictures is less exact than the one for large ones.
    assert np.abs(rows - expected).max() <= 2e-5


def test_a_real_enlargement_gives_the_same_levels_as_torch_but_for_ties() -> None:
    small = np.tanh(2 * random_map(3, 256, 191))
    field, expected = NoiseField(small, (600, 447)), enlarged_at_once(small, (600, 447))
    rows = np.concatenate([field.rows(slice(top, top + 64)) for top in range(0, 600, 64)])
    levels = [np.rint(noise * np.float32(8)).astype(np.int32) for noise in (rows, expected)]
    assert (levels[0] != levels[1]).mean() < 1e-5


def test_a_picture_of_200_megapixels_needs_no_array_of_its_size() -> None:
    field = NoiseField(random_map(3, 256, 182), (16800, 11900))
    tracemalloc.start()
    rows = field.rows(slice(16000, 16032))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows.shape == (32, 11900, 3)
    assert most < 4 * 3 * 16800 * 11900 / 5  # a few times the map at full width


@given(h=SIDES, w=SIDES, seed=st.integers(0, 9), data=st.data())
def test_part_of_the_rows_and_columns_is_that_of_all(h: int, w: int, seed: int, data: st.DataObject) -> None:
    height, width = data.draw(SIDES), data.draw(SIDES)
    enlarged = Enlarged(random_map(2, h, w, seed=seed), (height, width))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows, columns = slice(top, data.draw(st.integers(top + 1, height))), slice(left, data.draw(st.integers(left + 1, width)))
    assert np.array_equal(enlarged.rows(rows, columns), enlarged.rows(slice(None))[rows, columns])
    lowest, highest = enlarged.range_of_columns(rows)
    assert (lowest <= enlarged.rows(rows).min((0, 2)) + 1e-6).all()
    assert (highest >= enlarged.rows(rows).max((0, 2)) - 1e-6).all()


@given(h=SIDES, w=SIDES, data=st.data())
def test_places_between_pixels(h: int, w: int, data: st.DataObject) -> None:
    height, width = data.draw(SIDES), data.draw(SIDES)
    enlarged = Enlarged(random_map(2, h, w), (height, width))
    down, across = (np.arange(length, dtype=np.float32) for length in (height, width))
    whole = enlarged.rows(slice(None))
    assert np.array_equal(enlarged.at(down + np.float32(0.5), across + np.float32(0.5)), whole)
    assert np.allclose(enlarged.at(down[:1], across[-1:] + 1)[0, 0], enlarged.small[:, 0, -1])  # nothing lies beyond the outermost pixels
    same = Enlarged(enlarged.small, (h, w)).at(np.arange(1, h, dtype=np.float32), np.arange(1, w, dtype=np.float32))
    pixels = enlarged.small.transpose(1, 2, 0)
    assert np.allclose(same, (pixels[1:, 1:] + pixels[:-1, 1:] + pixels[1:, :-1] + pixels[:-1, :-1]) / 4, atol=1e-5)


@given(data=st.data())
def test_noise_times_its_bound(data: st.DataObject) -> None:
    bound = np.abs(random_map(9, 7, seed=1))
    for field in (NoiseField(random_map(3, 4, 5), (9, 7)), ArrayField(random_map(9, 7, 3))):
        top, left = data.draw(st.integers(0, 8)), data.draw(st.integers(0, 6))
        rows, columns = slice(top, 9), slice(left, 7)
        whole = field.rows(slice(None))
        assert np.allclose(field.times(bound[rows, columns], rows, columns).transpose(1, 2, 0), (whole * bound[..., None])[rows, columns])
        assert np.array_equal(field.rows(slice(None)), whole)


def test_maps_of_any_number_of_channels_can_be_enlarged() -> None:
    assert Enlarged(np.ones((1, 4, 4)), (10, 12)).rows(slice(2, 5)).shape == (3, 12, 1)


def test_an_array_is_a_field_too() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (9, 5, 3)).astype(np.float32)
    field: Rows = ArrayField(noise)
    assert field.size == (9, 5)
    assert np.array_equal(field.rows(slice(3, 7)), noise[3:7])

"""Noise row by row: the same as the whole map enlarged at once, and never all of it in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from unseg_cli.noise.field import ArrayField, Enlarged, NoiseField, Rows

SIDES = st.integers(1, 70)


def enlarged_at_once(small: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    return F.interpolate(small[None], size, mode="bilinear", align_corners=False)[0].permute(1, 2, 0).numpy()


@given(h=SIDES, w=SIDES, height=SIDES, width=SIDES, start=st.integers(0, 69), count=st.integers(1, 70), seed=st.integers(0, 9))
def test_rows_are_those_of_the_whole_interpolation(h: int, w: int, height: int, width: int, start: int, count: int, seed: int) -> None:
    small = torch.rand(3, h, w, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    part = slice(start % height, start % height + count)
    rows = NoiseField(small, (height, width)).rows(part)
    expected = enlarged_at_once(small, (height, width))[part]
    assert rows.dtype == np.float32 and rows.shape == expected.shape
    # torch's kernel for small pictures is less exact than the one for large ones.
    assert np.abs(rows - expected).max() <= 2e-5


def test_a_real_enlargement_is_the_same_to_the_last_bit_as_long_as_the_processor_fuses_multiplication() -> None:
    small = torch.tanh(torch.randn(3, 256, 191, generator=torch.Generator().manual_seed(0)))
    field, expected = NoiseField(small, (600, 447)), enlarged_at_once(small, (600, 447))
    rows = np.concatenate([field.rows(slice(top, top + 64)) for top in range(0, 600, 64)])
    levels = [np.rint(noise * np.float32(8)).astype(np.int32) for noise in (rows, expected)]
    assert np.array_equal(*levels)


def test_a_picture_of_200_megapixels_needs_no_array_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    addcmul = torch.addcmul

    def watched(*arguments: torch.Tensor) -> torch.Tensor:
        made.append(addcmul(*arguments))
        return made[-1]

    monkeypatch.setattr("unseg_cli.noise.field.torch.addcmul", watched)
    field = NoiseField(torch.rand(3, 256, 182), (16800, 11900))
    assert field.rows(slice(16000, 16256)).shape == (256, 11900, 3)
    assert [one.numel() for one in made] == [3 * 256 * 11900] * 2  # the map at full width, and the rows


def test_rows_do_not_depend_on_the_number_of_threads() -> None:
    small, threads = torch.rand(3, 200, 256, generator=torch.Generator().manual_seed(0)), torch.get_num_threads()
    try:
        drawn = []
        for number in (1, 2):
            torch.set_num_threads(number)
            drawn.append(NoiseField(small, (500, 640)).rows(slice(None)))
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(*drawn)


def test_maps_of_any_number_of_channels_can_be_enlarged() -> None:
    assert Enlarged(torch.ones(1, 4, 4), (10, 12)).rows(slice(2, 5)).shape == (3, 12, 1)


def test_an_array_is_a_field_too() -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (9, 5, 3)).astype(np.float32)
    field: Rows = ArrayField(noise)
    assert field.size == (9, 5)
    assert np.array_equal(field.rows(slice(3, 7)), noise[3:7])

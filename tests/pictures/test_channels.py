"""Noise on pixels: only where it may be, never more than it may be, and how much of it a codec left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.noise.arithmetic import apply_noise
from unseg_cli.noise.field import ArrayField
from unseg_cli.pictures import channels as module
from unseg_cli.pictures.adding import add_noise, stretches_with_noise
from unseg_cli.pictures.channels import cached_strips, noise_kept, noise_level, within_budget

SIDES = st.integers(1, 90)


def picture(height: int, width: int, seed: int = 0, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (height, width, 3), dtype)


def noise(height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (height, width, 3)).astype(np.float32)


def some(height: int, width: int, share: float, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width)) < share


@given(
    height=SIDES, width=SIDES, share=st.sampled_from([0.0, 0.01, 0.5, 1.0]), seed=st.integers(0, 99),
    inside=st.sampled_from([4 / 255, 8 / 255, 4.6 / 255]), outside=st.sampled_from([0, 0.4 / 255, 2 / 255]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
)  # fmt: skip
def test_part_by_part_it_is_what_it_is_at_once(
    height: int, width: int, share: float, seed: int, inside: float, outside: float, dtype: type
) -> None:
    clean, drawn, mask, budget = (
        picture(height, width, seed, dtype),
        noise(height, width),
        some(height, width, share),
        NoiseBudget(inside, outside),
    )
    made = add_noise(clean, "rgb", ArrayField(drawn), mask, budget)
    assert np.array_equal(made, apply_noise(clean, drawn, mask, budget))
    assert within_budget(clean, made, mask, budget)


@given(height=SIDES, width=SIDES, share=st.sampled_from([0.0, 0.002, 0.1, 1.0]), outside=st.sampled_from([0, 2 / 255]))
def test_the_parts_hold_all_that_may_change_and_no_place_twice(height: int, width: int, share: float, outside: float) -> None:
    mask = some(height, width, share)
    covered = np.zeros(mask.shape, int)
    for rows in cached_strips(height):
        columns, stretches = stretches_with_noise(mask[rows], round(255 * outside))
        covered[rows, columns] += 1
        where = np.zeros((len(mask[rows]), columns.stop - columns.start), int)
        for some_columns, marked in stretches:
            where[:, some_columns] += 1 + np.asarray(marked)
        assert np.array_equal(where, 1 + mask[rows, columns])
    assert covered.max(initial=0) <= 1
    assert (covered == 1).all() if outside else (covered[mask] == 1).all()
    if not mask.any() and not outside:
        assert not covered.any()


@pytest.mark.parametrize("place", [(0, 0), (31, 10), (32, 79), (99, 40), (50, 41), (61, 41), (3, 60)])
@pytest.mark.parametrize(("inside", "outside"), [(8, 0), (8, 2), (2, 8), (8, 8)])
def test_one_pixel_beyond_its_bound_is_seen(place: tuple[int, int], inside: int, outside: int) -> None:
    clean, mask, budget = np.full((100, 80, 3), 100, np.uint8), np.zeros((100, 80), bool), NoiseBudget(inside / 255, outside / 255)
    mask[:, :40], mask[40:60, 40:42], mask[1, 60:] = True, True, True  # columns that are all inside, partly, and not at all
    made = clean + np.where(mask, inside, outside).astype(np.uint8)[..., None]
    assert within_budget(clean, made, mask, budget)
    made[(*place, 1)] += 1
    assert not within_budget(clean, made, mask, budget)
    grey = made[..., 1]
    assert not within_budget(clean[..., 1], grey, mask, budget)


def test_what_a_codec_keeps_of_a_large_picture_is_told_from_some_rows() -> None:
    clean, mask = picture(1700, 1300, 3) // 2 + 60, np.ones((1700, 1300), bool)
    meant = add_noise(clean, "rgb", ArrayField(noise(1700, 1300)), mask, NoiseBudget(8 / 255, 0))
    written = np.where(some(1700, 1300, 0.7)[..., None], meant, clean)
    assert noise_kept(clean, meant, written) == pytest.approx(0.7, abs=0.01)
    assert noise_kept(clean, meant, meant) == 1 and noise_kept(clean, meant, clean) == 0


def test_also_where_few_rows_have_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ENOUGH_PIXELS", 1000)
    clean = picture(600, 50, 3) // 2 + 60
    for top in (0, 33, 300, 590):
        mask = np.zeros((600, 50), bool)
        mask[top : top + 4] = True
        meant = add_noise(clean, "rgb", ArrayField(noise(600, 50)), mask, NoiseBudget(8 / 255, 0))
        assert noise_kept(clean, meant, meant) == 1
    assert noise_kept(clean, clean, clean) == 0


@pytest.mark.parametrize(
    ("channels", "type_", "level"), [((3,), np.uint8, 1), ((), np.uint8, 1), ((4,), np.uint8, 1), ((3,), np.uint16, 257)]
)
def test_the_level_of_noise_is_the_mean_over_the_mask_of_what_the_most_changed_channel_changed_by(
    channels: tuple[int, ...], type_: type, level: int
) -> None:
    clean, mask = np.full((4, 6, *channels), 100 * level, type_), np.zeros((4, 6), bool)
    mask[:2] = True
    meant = clean.copy()
    first = meant.reshape(4, 6, -1)[..., 0]  # a view
    first[0] += type_(6 * level)
    first[1] -= type_(2 * level)
    first[3] += type_(9 * level)  # outside of the mask
    assert noise_level(clean, meant, mask) == pytest.approx(4)
    assert noise_level(clean, meant, ~mask) == pytest.approx(4.5)
    assert noise_level(clean, clean, mask) == noise_level(clean, meant, np.zeros_like(mask)) == 0


def test_that_of_a_large_picture_is_told_from_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ENOUGH_PIXELS", 1000)
    clean, rng = picture(600, 50, 3) // 2 + 60, np.random.default_rng(0)
    meant = clean + rng.integers(0, 9, (600, 50, 1), np.uint8)
    assert noise_level(clean, meant, np.ones((600, 50), bool)) == pytest.approx(4, abs=0.2)
    few = np.zeros((600, 50), bool)
    few[590:594] = True
    assert noise_level(clean, meant, few) == pytest.approx(float((meant - clean)[few].max(-1).mean()))

"""Differences between pictures, against an independent implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseg_cli.pictures.difference import linf_255, measure, psnr, ssim


def pair(shape: tuple[int, ...], dtype: type = np.uint8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    smooth = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) / sum(shape[:2])
    smooth = smooth[..., None] if len(shape) == 3 else smooth
    clean = np.clip(smooth * top * 0.8 + rng.normal(0, top / 20, shape), 0, top)
    noisy = np.clip(clean + rng.normal(0, top / 40, shape), 0, top)
    return clean.astype(dtype), noisy.astype(dtype)


@given(st.sampled_from([(40, 30), (33, 50, 3), (20, 22, 4)]), st.sampled_from([np.uint8, np.uint16]), st.integers(0, 99))
def test_linf_and_psnr_by_definition(shape: tuple[int, ...], dtype: type, seed: int) -> None:
    clean, noisy = pair(shape, dtype, seed)
    step = (clean.astype(np.int64) - noisy) * 255 / np.iinfo(dtype).max
    assert linf_255(clean, noisy) == pytest.approx(np.abs(step).max())
    assert psnr(clean, noisy) == pytest.approx(20 * math.log10(255 / math.sqrt((step**2).mean())))


@pytest.mark.parametrize("shape", [(64, 48), (70, 50, 3), (7, 7), (300, 9), (520, 31, 3), (64, 12), (70, 12), (71, 12)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ssim_is_that_of_scikit_image(shape: tuple[int, ...], dtype: type) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    clean, noisy = pair(shape, dtype)
    weights = np.array([0.299, 0.587, 0.114])
    grey = [(a @ weights if a.ndim == 3 else a.astype(float)) / np.iinfo(dtype).max for a in (clean, noisy)]
    assert ssim(clean, noisy) == pytest.approx(metrics.structural_similarity(*grey, data_range=1.0), abs=2e-5)


def test_psnr_of_a_large_picture_is_that_of_its_bands() -> None:
    clean, noisy = pair((4000, 3200))
    assert psnr(clean, noisy) == pytest.approx(10 * math.log10(255**2 / ((clean.astype(float) - noisy) ** 2).mean()), abs=0.05)


@pytest.mark.parametrize("row", [0, 8, 2001, 3999])
def test_one_changed_row_of_a_large_picture_is_a_difference_wherever_it_is(row: int) -> None:
    clean = np.full((4000, 3200), 100, np.uint8)
    changed = clean.copy()
    changed[row] += 1
    found = psnr(clean, changed)
    assert found is not None and found > 60
    assert linf_255(clean, changed) == 1


def test_equal_and_tiny_pictures() -> None:
    clean, _ = pair((20, 20, 3))
    same = measure(clean, clean)
    assert (same.linf_255, same.psnr) == (0.0, None)
    assert same.ssim == pytest.approx(1.0)
    assert ssim(clean[:6], clean[:6]) is None


def test_no_wrap_around() -> None:
    black, white = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    assert linf_255(black, white) == linf_255(white, black) == 255
    assert psnr(black, white) == pytest.approx(0)


def test_the_largest_change_of_some_pixels() -> None:
    black, changed = np.zeros((100, 8, 3), np.uint8), np.zeros((100, 8, 3), np.uint8)
    changed[90, 2, 1], changed[3, 3, 0] = 9, 4
    some = np.zeros((100, 8), bool)
    assert linf_255(black, changed, some) == 0
    some[90, 2] = True
    assert (linf_255(black, changed, some), linf_255(black, changed, ~some), linf_255(black, changed)) == (9, 4, 9)
    assert linf_255(black[..., 0], changed[..., 0], ~some) == 4


def test_different_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in kind"):
        measure(np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8))
    with pytest.raises(ValueError, match="differ in kind"):
        measure(np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint16))

"""Every defence gives a picture of the same shape, keeps what it should and takes what it claims."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from unseg_cli.bench.countermeasures import DEFENCES, find_defence
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.noise.arithmetic import apply_noise
from unseg_cli.noise.closed_form import texture_noise

U8Array = npt.NDArray[np.uint8]


def picture() -> U8Array:
    """(60, 80, 3): a soft gradient with one hard edge."""
    y, x = np.mgrid[:60, :80]
    image = np.stack([60 + x, 100 + y, 160 - x // 2], -1)
    image[:, 40:] += 60
    return image.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", DEFENCES)
@pytest.mark.parametrize("shape", [(60, 80), (5, 3), (1, 1)])
def test_shape_type_and_input_stay(name: str, shape: tuple[int, int]) -> None:
    image = picture()[: shape[0], : shape[1]].copy()
    before = image.copy()
    out = DEFENCES[name].apply(image)
    assert out.shape == image.shape
    assert out.dtype == np.uint8
    assert np.array_equal(image, before)
    if name != "gray":  # the picture is still the same picture
        assert np.abs(out.astype(int) - image).mean() < 14


def test_none_changes_nothing() -> None:
    assert np.array_equal(DEFENCES["none"].apply(picture()), picture())


def test_gray_has_no_colour_left() -> None:
    out = DEFENCES["gray"].apply(picture())
    assert np.array_equal(out[..., 0], out[..., 1])
    assert np.array_equal(out[..., 0], out[..., 2])
    assert DEFENCES["gray"].also_test
    assert not any(defence.also_test for name, defence in DEFENCES.items() if name != "gray")


def test_bitdepth_leaves_sixteen_levels() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    assert len(np.unique(DEFENCES["bitdepth"].apply(ramp))) == 16


@pytest.mark.parametrize("name", ["jpeg10", "blur", "denoise"])
def test_fine_texture_is_weakened(name: str) -> None:
    image = picture()
    mask = np.zeros(image.shape[:2], bool)
    mask[15:45, 20:60] = True
    noisy = apply_noise(image, texture_noise(mask), mask, NoiseBudget())
    washed, reference = DEFENCES[name].apply(noisy).astype(int), DEFENCES[name].apply(image).astype(int)
    left = np.abs(washed - reference)[mask].mean() / np.abs(noisy.astype(int) - image)[mask].mean()
    assert left < 0.75


def test_denoise_keeps_edges_that_blur_loses() -> None:
    image = picture()
    step = {name: int(DEFENCES[name].apply(image)[30, 41, 0]) - int(DEFENCES[name].apply(image)[30, 38, 0]) for name in ("denoise", "blur")}
    assert step["denoise"] > step["blur"] + 5
    assert step["denoise"] > 45


def test_misspelt_name_gets_a_hint() -> None:
    with pytest.raises(UsageProblem) as problem:
        find_defence("jpeg57")
    assert "did you mean 'jpeg75'" in problem.value.hint

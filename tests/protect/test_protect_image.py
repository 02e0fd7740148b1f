"""`protect_image`: a picture or an array in, the same kind out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.pictures.picture_makers import photo
from tests.protect.conftest import StandInGenerator, session_of, texture
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.generators.session import PictureNoise
from unseg_cli.noise.field import ArrayField
from unseg_cli.protect.in_memory import protect_image


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandInGenerator:
    monkeypatch.setattr("unseg_cli.protect.in_memory.Session", session_of(texture))
    return StandInGenerator()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK", "I;16"])
def test_protect_image_returns_the_same_kind_of_picture(stand_in: StandInGenerator, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(photo(channels=1, depth=16)[..., 0])
    else:
        array = photo(channels={"L": 1, "LA": 2, "RGB": 3}.get(mode, 4))
        image = Image.frombytes(mode, (52, 37), array.tobytes())
    image.info["icc_profile"] = b"profile"
    mask = np.zeros((37, 52), bool)
    mask[5:20, 9:30] = True
    before = np.asarray(image).astype(int)
    out = protect_image(stand_in, image, mask, NoiseBudget(16 / 255, 4 / 255))
    assert (out.mode, out.size, out.info["icc_profile"]) == (mode, image.size, b"profile")
    assert (np.asarray(image) == before).all()
    step = np.abs(np.asarray(out).astype(int) - before)
    kept = {"LA": 1, "RGBA": 3, "CMYK": 3}.get(mode)
    if kept:
        assert (step[..., kept] == 0).all()
    unit = 257 if mode == "I;16" else 1
    assert step[mask].max() == 16 * unit
    assert step[~mask].max() == 4 * unit


@pytest.mark.parametrize("shape", [(37, 52), (37, 52, 1), (37, 52, 3), (37, 52, 4)])
@pytest.mark.parametrize("depth", [8, 16])
def test_protect_image_on_arrays(stand_in: StandInGenerator, shape: tuple[int, ...], depth: int) -> None:
    array = photo(channels=shape[2] if len(shape) == 3 else 1, depth=depth).reshape(shape)
    out = protect_image(stand_in, array)
    assert (out.shape, out.dtype) == (array.shape, array.dtype)
    step = np.abs(out.astype(int) - array)
    assert step.max() == 8 * (257 if depth == 16 else 1)
    if shape[-1] == 4:
        assert (step[..., 3] == 0).all()


def test_protect_image_shows_the_generator_the_upright_picture(stand_in: StandInGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(generator: Any, images: list[Any], masks: list[Any], target: str) -> Any:
        seen.append((images[0], masks[0]))
        return texture(generator, images, masks, target)

    monkeypatch.setattr("unseg_cli.protect.in_memory.Session", session_of(look))
    stored = Image.fromarray(photo())
    stored.getexif()[274] = 6
    mask = np.zeros((37, 52), bool)
    mask[:5] = True
    out = protect_image(stand_in, stored, mask, NoiseBudget(8 / 255, 2 / 255))
    assert (seen[0][0] == np.rot90(photo(), -1)).all()
    assert (seen[0][1] == np.rot90(mask, -1)).all()
    step = np.abs(np.asarray(out).astype(int) - photo())
    assert (step[:5].max(), step[5:].max()) == (8, 2)


def test_protect_image_refuses_what_is_no_picture(stand_in: StandInGenerator) -> None:
    empty = (np.zeros((0, 4, 3), np.uint8), np.zeros((4, 0), np.uint8), np.zeros((0,), np.uint8), Image.new("RGB", (0, 4)))
    strange = (np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 3), np.float32), Image.new("P", (4, 4)))
    for image in (*strange, *empty, "a.jpg", Path("a.jpg"), b"bytes", [[0, 1]], None):
        with pytest.raises(UsageProblem) as caught:
            protect_image(stand_in, image)
        assert caught.value.hint
    for budget in (NoiseBudget(0, 0), NoiseBudget(1 / 255, 2 / 255)):
        with pytest.raises(UsageProblem, match="--epsilon"):
            protect_image(stand_in, np.zeros((40, 40, 3), np.uint8), budget=budget)
    for mask in ("mask.png", [[1]], np.zeros(40, bool)):
        with pytest.raises(UsageProblem, match="is no mask"):
            protect_image(stand_in, np.zeros((40, 40, 3), np.uint8), mask)
    with pytest.raises(UsageProblem, match="the mask is 4x4"):
        protect_image(stand_in, np.zeros((40, 40, 3), np.uint8), np.zeros((4, 4), bool))


def test_alpha_of_a_mask_is_ignored(stand_in: StandInGenerator) -> None:
    image, plane, opaque = np.full((40, 40, 3), 128, np.uint8), np.zeros((40, 40), np.uint8), np.full((40, 40), 255, np.uint8)
    plane[5:20, 9:30] = 255
    budget = NoiseBudget(16 / 255, 4 / 255)
    wanted = protect_image(stand_in, image, plane, budget)
    arrays = [np.dstack([plane] * 3), np.dstack([plane, opaque]), np.dstack([plane] * 3 + [opaque]), plane / 255]
    pictures = [Image.fromarray(array) for array in arrays[:3]] + [Image.fromarray(plane).convert(mode) for mode in ("1", "P", "I", "F")]
    for mask in [*arrays, *pictures, Image.fromarray(plane).convert("PA")]:
        assert np.array_equal(protect_image(stand_in, image, mask, budget), wanted), mask
    for mode in ("CMYK", "YCbCr", "HSV", "LAB"):
        with pytest.raises(UsageProblem, match=f"the mask is of mode {mode}"):
            protect_image(stand_in, image, Image.new(mode, (40, 40)), budget)
    for bad in (plane.astype(str), np.full((40, 40), np.nan), np.zeros((40, 40, 0)), np.zeros((40, 40, 5), np.uint8)):
        with pytest.raises(UsageProblem, match="is no mask"):
            protect_image(stand_in, image, bad, budget)


def test_a_picture_that_may_hold_hardly_any_noise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def faint(generator: Any, images: list[Any], masks: list[Any], target: str) -> list[PictureNoise]:
        (one,) = texture(generator, images, masks, target)
        return [PictureNoise(field=ArrayField(one.field.rows(slice(None)) / 20), mask=one.mask, mask_source=one.mask_source)]

    monkeypatch.setattr("unseg_cli.protect.in_memory.Session", session_of(faint))
    with pytest.raises(UnsegError, match=r"noise of 0\.\d\d of 255 grey levels is too little to protect it"):
        protect_image(StandInGenerator(), photo(), np.ones((37, 52), bool))

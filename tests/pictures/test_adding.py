"""Noise of tiles is rounded before it is spread over a picture: the pixels are those of any other noise, which is rounded afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.noise.field import ArrayField, Enlarged, Rows
from unseg_cli.noise.tiles import TileField
from unseg_cli.pictures import adding, channels
from unseg_cli.pictures.adding import add_noise

RNG = np.random.default_rng(0)
INSIDE, OUTSIDE = (RNG.uniform(-1, 1, (8, 8, 3)).astype(np.float32) for _ in range(2))
SPACES = {"rgb": (3,), "grey": (), "cmyk": (4,)}
SIDES = st.integers(1, 90)


class AnyNoise:
    """Noise of which nobody knows that it is made of tiles."""

    def __init__(self, field: Rows) -> None:
        self._field = field
        self.size, self.rows, self.times = field.size, field.rows, field.times


def share(height: int, width: int, seed: int) -> Enlarged:
    return Enlarged(np.random.default_rng(seed).random((1, 5, 7), np.float32), (height, width))


def objects(kind: str, height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    masks = {
        "disc": (y - height / 2) ** 2 + (x - width / 2) ** 2 < (min(height, width) / 3) ** 2,
        "all": np.ones((height, width), bool),
        "none": np.zeros((height, width), bool),
        "dots": np.random.default_rng(4).random((height, width)) < 0.3,
    }
    return masks[kind]


@settings(deadline=None)
@given(
    height=SIDES,
    width=SIDES,
    kind=st.sampled_from(["disc", "all", "none", "dots"]),
    space=st.sampled_from(sorted(SPACES)),
    budget=st.sampled_from(
        [NoiseBudget(8 / 255, 0), NoiseBudget(8 / 255, 2 / 255), NoiseBudget(4.6 / 255, 1.7 / 255), NoiseBudget(0, 0.1)]
    ),
    everywhere=st.booleans(),
    shared=st.booleans(),
    pitch=st.sampled_from([1.0, 33.3, 200.0]),
)
def test_the_pixels_are_those_of_any_noise(
    height: int, width: int, kind: str, space: str, budget: NoiseBudget, everywhere: bool, shared: bool, pitch: float
) -> None:
    clean = np.random.default_rng(1).integers(0, 256, (height, width, *SPACES[space]), np.uint8)
    mask = objects(kind, height, width)
    field = TileField(INSIDE, OUTSIDE, mask, pitch, *([share(height, width, 2), share(height, width, 3)] if shared else []))
    marked = np.ones_like(mask) if everywhere else mask.copy()
    made, expected = (add_noise(clean, space, one, marked, budget) for one in (field, AnyNoise(field)))
    assert np.array_equal(made, expected)
    part = slice(height // 3, height // 3 + 1 + height // 2)
    assert np.array_equal(add_noise(clean, space, field, marked, budget, part), expected[part])


def test_that_saves_the_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(adding, "_add_levels", fail)
    mask, clean = objects("disc", 40, 60), np.full((40, 60, 3), 100, np.uint8)
    add_noise(clean, "rgb", TileField(INSIDE, OUTSIDE, mask, 33.3), mask, NoiseBudget(8 / 255, 2 / 255))
    with pytest.raises(AssertionError):
        add_noise(clean, "rgb", ArrayField(np.ones((40, 60, 3), np.float32)), mask, NoiseBudget(8 / 255, 0))


@pytest.mark.parametrize(
    ("kind", "budget", "type_"),
    [("disc", NoiseBudget(0.6, 0), np.uint8), ("disc", NoiseBudget(8 / 255, 0), np.uint16), ("other", NoiseBudget(8 / 255, 0), np.uint8)],
)
def test_what_bytes_do_not_hold_is_drawn_as_any_noise(kind: str, budget: NoiseBudget, type_: type) -> None:
    mask = objects("disc", 40, 60)
    marked = mask if kind == "disc" else objects("dots", 40, 60)
    clean = np.full((40, 60, 3), np.iinfo(type_).max // 2, type_)
    field = TileField(INSIDE, OUTSIDE, mask, 33.3)
    made = add_noise(clean, "rgb", field, marked, budget)
    assert np.array_equal(made, add_noise(clean, "rgb", AnyNoise(field), marked, budget))
    assert (made != clean).any()


def test_black_and_white_are_not_passed() -> None:
    mask = np.ones((16, 16), bool)
    field = TileField(INSIDE, OUTSIDE, mask, 16)
    for level in (0, 3, 252, 255):
        made = add_noise(np.full((16, 16, 3), level, np.uint8), "rgb", field, mask, NoiseBudget(8 / 255, 0)).astype(int) - level
        meant = np.clip(np.rint(8 * field.rows(slice(None))), -level, 255 - level)
        assert np.array_equal(made, meant)


def test_many_stretches_of_columns_are_one() -> None:
    stripes = np.zeros((4, 400), bool)
    stripes[:, ::2] = True
    ((columns, marked),) = channels.runs_of_columns(stripes)
    assert columns == slice(0, 400) and np.array_equal(marked, stripes)

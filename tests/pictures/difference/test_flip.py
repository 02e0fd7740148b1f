"""FLIP through its package: numbers that were published with it here, kinds of pictures, and what is said where it is missing."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
from skimage import data

from tests.pictures.difference.test_perceived import with_cells
from unseg_cli.core.extras import MissingPackage, install_line
from unseg_cli.pictures.difference.flip import flip, flip_is_installed


def test_magenta_checks_on_three_photographs() -> None:
    pictures = [data.astronaut(), data.chelsea(), data.coffee()]
    found = {levels: np.mean([flip(picture, with_cells(picture, 64, levels)) for picture in pictures]) for levels in (4, 8)}
    assert found == pytest.approx({4: 0.085, 8: 0.140}, abs=2e-3)


def test_equal_and_opposite_pictures() -> None:
    picture = data.chelsea()[:60, :80]
    assert flip(picture, picture) == 0
    assert flip(np.zeros_like(picture), np.full_like(picture, 255)) > 0.9


def test_grey_ink_and_16_bits() -> None:
    clean = data.chelsea()[:90, :120]
    other = with_cells(clean, 20, 8)
    expected = flip(clean, other)
    assert flip(clean.astype(np.uint16) * 257, other.astype(np.uint16) * 257) == pytest.approx(expected, abs=1e-4)
    inks = [np.concatenate([255 - picture, np.zeros_like(picture[..., :1])], axis=2) for picture in (clean, other)]
    assert flip(*inks) == pytest.approx(expected, abs=1e-4)
    grey = [np.repeat(picture[..., :1], 3, axis=2) for picture in (clean, other)]
    assert flip(clean[..., 0], other[..., 0]) == pytest.approx(flip(*grey), abs=1e-6)


def test_different_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in kind"):
        flip(np.zeros((8, 8, 3), np.uint8), np.zeros((9, 8, 3), np.uint8))


def test_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "flip_evaluator" else find(name, *more))
    picture: Any = np.zeros((8, 8, 3), np.uint8)
    assert not flip_is_installed()
    with pytest.raises(MissingPackage, match="flip-evaluator") as problem:
        flip(picture, picture)
    assert problem.value.hint == install_line('"unseg_cli[bench]"')

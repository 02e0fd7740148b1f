"""Each option of `unseg restore` changes what it does. One test an option, of its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.effects.conftest import Threads, pixels, run, scene, untested
from unseg_cli.protect.config import RestoreConfig


@pytest.fixture
def places(tmp_path: Path, small_lite: Path) -> tuple[Path, Path, Path]:
    """A protected picture, its noise, and where to restore it to."""
    (tmp_path / "src").mkdir()
    Image.fromarray(scene(0)).save(tmp_path / "src" / "a.png")
    run("protect", tmp_path / "src", tmp_path / "out", "--save-noise", tmp_path / "noise", "--generator", small_lite)
    return tmp_path / "out", tmp_path / "noise", tmp_path / "back"


def test_every_option_has_a_test() -> None:
    assert untested(RestoreConfig, globals()) == set()


def test_overwrite(places: tuple[Path, Path, Path]) -> None:
    places[2].mkdir()
    (places[2] / "a.png").write_text("somebody's")
    run("restore", *places, code=1)
    run("restore", *places, "--overwrite")
    assert np.array_equal(pixels(places[2] / "a.png"), scene(0))


def test_workers(places: tuple[Path, Path, Path], threads: Threads) -> None:
    run("restore", *places, "--workers", "3")
    assert 3 in threads.seen

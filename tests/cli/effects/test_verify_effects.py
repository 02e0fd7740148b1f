"""Each option of `unseg verify` changes what it says. One test an option, of its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.effects.conftest import run, scene, untested
from unseg_cli.protect.config import VerifyConfig


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A clean picture, one with 8 grey levels more in its left half and 2 in the right, and the mask of the left half, as class 7."""
    folders = [tmp_path / name for name in ("src", "dst", "masks")]
    for folder in folders:
        folder.mkdir()
    clean = np.clip(scene(0), 0, 200)
    change = np.full(clean.shape, 2, np.uint8)
    change[:, :32] = 8
    labels = np.full(clean.shape[:2], 3, np.uint8)
    labels[:, :32] = 7
    for folder, array in zip(folders, (clean, clean + change, labels), strict=True):
        Image.fromarray(array).save(folder / "a.png")
    return folders[0], folders[1], folders[2]


def test_every_option_has_a_test() -> None:
    assert untested(VerifyConfig, globals()) == set()


def test_epsilon(trees: tuple[Path, Path, Path]) -> None:
    src, dst, _ = trees
    run("verify", src, dst)
    run("verify", src, dst, "--epsilon", "7/255", code=1)


def test_epsilon_bg(trees: tuple[Path, Path, Path]) -> None:
    src, dst, masks = trees
    rule = ("--masks", masks, "--mask-rule", "class:7")
    run("verify", src, dst, *rule, "--epsilon-bg", "2/255")
    run("verify", src, dst, *rule, "--epsilon-bg", "1/255", code=1)


def test_masks(trees: tuple[Path, Path, Path]) -> None:
    src, dst, masks = trees
    with Image.open(dst / "a.png") as image:
        moved = np.asarray(image).copy()
    moved[5, 60] += 4  # within the object's bound, but outside the object
    Image.fromarray(moved).save(dst / "a.png")
    run("verify", src, dst)
    run("verify", src, dst, "--masks", masks, "--mask-rule", "class:7", code=1)


def test_mask_rule(trees: tuple[Path, Path, Path]) -> None:
    src, dst, masks = trees
    run("verify", src, dst, "--masks", masks)  # all of the picture is an object
    run("verify", src, dst, "--masks", masks, "--mask-rule", "class:3", code=1)


def test_only_problems(trees: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    src, dst, _ = trees
    run("verify", src, dst, "--all-pictures")
    assert "a.png" in capsys.readouterr().out
    run("verify", src, dst, "--only-problems")
    assert "a.png" not in capsys.readouterr().out

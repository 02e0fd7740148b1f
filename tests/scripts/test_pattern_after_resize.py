"""What is left of noise in pictures made small: the arithmetic, the ways of an attacker, and the script on a large picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pattern_after_resize
import pillow_heif
import pytest
from PIL import Image
from skimage import data

from unseg_cli.core.budget import STRENGTHS, NoiseBudget
from unseg_cli.core.constants import U8Array


def magenta_check(side: int, cell: int) -> tuple[U8Array, U8Array]:
    clean = np.full((side, side, 3), 128, np.uint8)
    sign = np.kron(np.add.outer(np.arange(side // cell), np.arange(side // cell)) % 2 * 2 - 1, np.ones((cell, cell), int))
    return clean, (clean + sign[..., None] * np.array([4, -4, 4])).astype(np.uint8)


def test_strength_is_that_of_the_difference_where_it_is_asked_for() -> None:
    clean, noisy = magenta_check(64, 8)
    everywhere = np.ones((64, 64), bool)
    assert pattern_after_resize.strength_left(clean, noisy, everywhere) == pytest.approx(
        {"red_green": 8, "blue_yellow": 4, "luma": 4 * (0.299 - 0.587 + 0.114) * -1}
    )
    noisy[:32] = clean[:32]
    below = everywhere.copy()
    below[:32] = False
    assert pattern_after_resize.strength_left(clean, noisy, below)["red_green"] == pytest.approx(8)
    assert pattern_after_resize.strength_left(clean, noisy, everywhere)["red_green"] == pytest.approx(8 / 2**0.5)


@pytest.mark.parametrize("name", list(pattern_after_resize.WAYS))
def test_coarse_cells_survive_every_way_and_fine_ones_none(name: str) -> None:
    left = {}
    for cell in (64, 2):
        clean, noisy = (pattern_after_resize.WAYS[name](pixels, (64, 64)) for pixels in magenta_check(512, cell))
        assert clean.shape == (64, 64, 3) and clean.dtype == np.uint8
        left[cell] = pattern_after_resize.strength_left(clean, noisy, np.ones((64, 64), bool))["red_green"]
    assert left[64] > 6 and left[2] < 1.5


def test_sizes_keep_the_shape() -> None:
    assert pattern_after_resize.smaller((3000, 4000, 3), 512) == (384, 512)
    assert pattern_after_resize.share_of(np.eye(4, dtype=bool), (2, 2)) == pytest.approx(np.eye(2) / 2)


@pytest.mark.slow
def test_the_script_on_a_picture_that_has_to_become_a_jpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = Image.fromarray(data.astronaut()).resize((700, 700))
    pillow_heif.from_pillow(picture).save(tmp_path / "astronaut.heic", quality=90)
    mask = np.zeros((700, 700), np.uint8)
    mask[100:600, 200:600] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "astronaut.png")
    arguments = [str(tmp_path / "astronaut.heic"), "--masks", str(tmp_path / "masks"), "--source", "a test", "--levels", "7", "0"]
    monkeypatch.setattr(sys, "argv", ["pattern_after_resize.py", *arguments, "--out", str(tmp_path / "lines.jsonl")])
    pattern_after_resize.main()
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert [line["size"] for line in lines] == [256] * 5 + [512] * 5  # 1024 would be larger than the picture
    assert {line["way"] for line in lines} == set(pattern_after_resize.WAYS)
    for line in lines:
        assert [line[name] for name in ("file", "width", "height", "mask_source")] == ["astronaut.heic", 700, 700, "file"]
        assert line["strength"] == "7/255, 0/255" and line["written"]["red_green"] > 2 and line["red_green"] > 2
        assert line["object_share"] == pytest.approx(500 * 400 / 700**2, abs=1e-3)
        assert line["contrast"] == line["contrasts"]["8"] and all(value > 0.05 for value in line["contrasts"].values())
    assert "| 1 | 512 px | jpeg75, bilinear |" in capsys.readouterr().out


def test_strengths_are_called_by_their_names() -> None:
    assert pattern_after_resize.strength_name(STRENGTHS["medium"]) == "medium"
    assert pattern_after_resize.strength_name(NoiseBudget(6 / 255, 0)) == "6/255, 0/255"

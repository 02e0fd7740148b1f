"""`unseg protect` says how many pictures are left with hardly any noise, and passes none off as protected that has none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.protect.conftest import hashes, rows, session_of, texture
from unseg_cli.core.budget import LEAST_LEVEL, TOO_FAINT
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.session import PictureNoise
from unseg_cli.noise.field import ArrayField
from unseg_cli.protect.config import VerifyConfig
from unseg_cli.protect.results.faint import FAINT, Faint, left_out
from unseg_cli.protect.verification import verify


def noise_of(level: float) -> Callable[..., list[PictureNoise]]:
    """The texture, so many grey levels strong on average: rows have the whole number below or above, evenly mixed."""

    def noise(generator: Any, images: list[Any], masks: list[Any], target: str) -> list[PictureNoise]:
        made = texture(generator, images, masks, target)
        found = []
        for one in made:
            field = one.field.rows(slice(None)).copy()
            row = np.arange(len(field))
            levels = np.floor((row + 1) * level) - np.floor(row * level)
            field *= levels[:, None, None].astype(np.float32) / 8
            found.append(PictureNoise(field=ArrayField(field), mask=one.mask, mask_source=one.mask_source))
        return found

    return noise


def protect_at(level: float, monkeypatch: pytest.MonkeyPatch, run_protect: Callable[..., Report], src: Path, dst: Path) -> Report:
    import unseg_cli.protect.run as workflow

    monkeypatch.setattr(workflow, "Session", session_of(noise_of(level)))
    return run_protect(src, dst)


def test_faint_noise_is_protection_and_is_told(
    monkeypatch: pytest.MonkeyPatch, run_protect: Callable[..., Report], src: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    report = protect_at(1.9, monkeypatch, run_protect, src, out)
    assert all(LEAST_LEVEL <= row["noise_255"] == pytest.approx(1.9 * row["noise_kept"], rel=0.1) for row in rows(out).values())
    assert (report.document["protected"], report.document["faint"], report.exit_code) == (5, 5, 0)
    assert "Hardly protected: 5 pictures have noise of less than 2 of 255 grey levels." in report.closing
    checked = verify(VerifyConfig(src=src, dst=out), Events())
    assert (checked.document["faint"], checked.exit_code, checked.closing) == (5, 0, report.closing[-4:-2])
    again = run_protect(src, out, report=tmp_path / "report.html")
    assert (again.document["skipped"], again.document["faint"]) == (5, 5)
    assert "5 with hardly any noise, since more would be seen" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_of_strong_noise_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, run_protect: Callable[..., Report], src: Path, tmp_path: Path
) -> None:
    report = protect_at(4, monkeypatch, run_protect, src, tmp_path / "out")
    assert all(row["noise_255"] == pytest.approx(4 * row["noise_kept"], rel=0.1) for row in rows(tmp_path / "out").values())
    assert report.document["faint"] == 0
    assert not any("Hardly" in line for line in report.closing)


def test_noise_of_less_than_one_and_a_half_grey_levels_is_none(
    monkeypatch: pytest.MonkeyPatch, run_protect: Callable[..., Report], src: Path, tmp_path: Path
) -> None:
    before = hashes(src)
    report = protect_at(1.4, monkeypatch, run_protect, src, tmp_path / "out")
    assert (report.document["protected"], report.document["failed"], report.exit_code) == (0, 5, 1)
    assert all("too little to protect" in failure["error"] for failure in report.document["failures"])
    assert hashes(src) == before
    assert "Left out: 5 pictures, in which so little noise can hide that it would protect nothing." in report.closing
    assert any("--no-closely or --strength high" in line for line in report.closing)
    assert not any("Left out" in line for line in protect_at(4, monkeypatch, run_protect, src, tmp_path / "strong").closing)


def test_a_few_changed_places_are_no_protection(
    monkeypatch: pytest.MonkeyPatch, run_protect: Callable[..., Report], src: Path, tmp_path: Path
) -> None:
    def speck(generator: Any, images: list[Any], masks: list[Any], target: str) -> list[PictureNoise]:
        made = []
        for image, one in zip(images, texture(generator, images, masks, target), strict=True):
            noise = np.zeros(image.shape, np.float32)
            noise[:2, :20] = 1
            made.append(PictureNoise(field=ArrayField(noise), mask=np.ones_like(one.mask), mask_source=one.mask_source))
        return made

    import unseg_cli.protect.run as workflow

    before = hashes(src)
    monkeypatch.setattr(workflow, "Session", session_of(speck))
    report = run_protect(src, tmp_path / "out")
    assert (report.document["protected"], report.document["failed"], report.exit_code) == (0, 5, 1)
    assert all("too little to protect" in failure["error"] for failure in report.document["failures"])
    assert not list((tmp_path / "out").rglob("*.png"))
    assert hashes(src) == before


@pytest.mark.parametrize(
    ("levels", "lines"),
    [
        ([], ()),
        ([FAINT, 7.9], ()),
        ([None], ()),  # a line of an earlier version
        (["1"], ()),  # and of nobody knows what
        ([FAINT - 0.01, 5.0], ("Hardly protected: 1 picture has noise of less than 2 of 255 grey levels.",)),
    ],
)
def test_lines(levels: list[Any], lines: tuple[str, ...]) -> None:
    faint = Faint()
    for level in levels:
        faint.add({} if level is None else {"noise_255": level})
    assert faint.lines()[:1] == lines


@pytest.mark.parametrize(("large", "said"), [(0, ""), (1, "1 of them is large: "), (2, "2 of them are large: ")])
def test_a_smaller_size_is_advised_where_a_picture_is_large(large: int, said: str) -> None:
    hints = ["make the copy smaller: --longest-side 1000; or allow more"] * large + ["allow more"] * (3 - large)
    lines = left_out([{"path": "a.jpg", "error": f"noise of 1 {TOO_FAINT}", "hint": hint} for hint in hints])
    advice = [line for line in lines if "--longest-side 1000" in line]
    assert len(advice) == bool(large) and all(line.startswith(said) for line in advice)

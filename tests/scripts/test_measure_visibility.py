"""What people see of protected pictures: the lines, the table, the aims and the sheet."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import measure_visibility
import numpy as np
import pytest
import visibility_sheet
from pattern_after_resize import strength_name
from PIL import Image

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.pictures.difference import perceive
from unseg_cli.pictures.difference.flip import flip


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Two clean pictures; the protected one of "dark" is changed a lot, that of "light" hardly."""
    src, dst = tmp_path / "src", tmp_path / "dst"
    rng, rows = np.random.default_rng(0), []
    for name, level, change in (("dark", 20, 8), ("sub/light", 220, 1)):
        clean = np.full((150, 200, 3), level, np.uint8) + rng.integers(0, 3, (150, 200, 1)).astype(np.uint8)
        noise = np.kron(np.add.outer(np.arange(10), np.arange(10)) % 2 * 2 - 1, np.ones((15, 20), int))
        protected = (clean.astype(int) + noise[..., None] * np.array([change, -change, change])).astype(np.uint8)
        for folder, pixels in ((src, clean), (dst, protected)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / f"{name}.png")
        rows.append({
            "src": f"{name}.png", "dst": f"{name}.png", "status": "protected", "mask_source": "auto",
            "generator_sha256": "ab" * 32, "epsilon": 8 / 255, "epsilon_bg": 2 / 255,
        })  # fmt: skip
    (dst / "unseg-manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return src, dst


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int | str | None, str]]:
    """Call the script with arguments: what it exits with, 0 where it ends by itself, and what it prints."""

    def call(*arguments: object) -> tuple[int | str | None, str]:
        monkeypatch.setattr(sys, "argv", ["measure_visibility.py", *map(str, arguments)])
        try:
            measure_visibility.main()
        except SystemExit as end:
            return end.code, capsys.readouterr().out
        return 0, capsys.readouterr().out

    return call


Run = Callable[..., tuple[int | str | None, str]]


def test_a_line_a_picture_a_table_and_a_sheet(run: Run, trees: tuple[Path, Path], tmp_path: Path) -> None:
    out, page = tmp_path / "lines.jsonl", tmp_path / "sheet.png"
    code, printed = run(*trees, "--out", out, "--sheet", page)
    assert code == 0
    dark, light = map(json.loads, out.read_text().splitlines())
    pixels = [np.asarray(Image.open(tree / "dark.png")) for tree in trees]
    assert dark["difference_mean"] == pytest.approx(perceive(*pixels).mean, abs=1e-4)
    assert dark["difference_p95"] == pytest.approx(perceive(*pixels).p95, abs=1e-4)
    assert dark["flip"] == pytest.approx(flip(*pixels), abs=1e-4)
    strength = strength_name(NoiseBudget(8 / 255, 2 / 255))
    assert {name: dark[name] for name in ("file", "generator_sha256", "strength", "linf_255", "mask_source")} == {
        "file": "dark.png", "generator_sha256": "ab" * 32, "strength": strength, "linf_255": 8, "mask_source": "auto",
    }  # fmt: skip
    assert (light["file"], light["linf_255"]) == ("sub/light.png", 1)
    assert light["difference_p95"] < 1 < dark["difference_p95"] and light["psnr"] > dark["psnr"] and light["ssim"] > 0.9
    mean = (dark["difference_mean"] + light["difference_mean"]) / 2
    assert f"| **mean** | {mean:.2f} |" in printed and f"| **worst** | {dark['difference_mean']:.2f} |" in printed
    assert f"percentile of a picture: {dark['difference_p95']:.2f}, at most 1.0: not met" in printed
    with Image.open(page) as image:
        assert image.width == 4 * visibility_sheet.SIDE * visibility_sheet.ZOOM + 3 * visibility_sheet.GAP


def test_a_second_run_replaces_its_lines_and_keeps_those_of_others(run: Run, trees: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"
    other = {"file": "dark.png", "generator_sha256": "ef" * 32, "strength": "medium"}
    out.write_text(json.dumps(other) + "\n")
    for _ in range(2):
        assert run(*trees, "--out", out)[0] == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines[0] == other and [line["file"] for line in lines[1:]] == ["dark.png", "sub/light.png"]


def test_pictures_without_a_manifest_pair_by_name_and_a_missing_one_is_named(run: Run, trees: tuple[Path, Path], tmp_path: Path) -> None:
    src, dst = trees
    (dst / "unseg-manifest.jsonl").unlink()
    assert run(src, dst, src, dst, "--out", tmp_path / "lines.jsonl")[0] == 0
    assert json.loads((tmp_path / "lines.jsonl").read_text().splitlines()[0])["generator_sha256"] is None
    (dst / "dark.png").unlink()
    assert str(run(src, dst, "--out", tmp_path / "lines.jsonl")[0]).startswith("error: dark.png is not in")
    assert run(src, "--out", tmp_path / "lines.jsonl")[0] == 2


def test_aims() -> None:
    lines = [{"difference_mean": 0.3, "difference_p95": 0.9, "flip": 0.05}, {"difference_mean": 0.5, "difference_p95": 1.1, "flip": 0.1}]
    assert [text.rpartition(": ")[2] for text in measure_visibility.verdicts(lines)] == ["met", "not met", "met"]


def test_crops_show_the_worst_place_of_each_kind() -> None:
    clean = np.zeros((360, 360, 3), np.uint8)
    clean[:180], clean[180:, :180], clean[180:, 180:] = (235, 235, 240), (10, 10, 12), (190, 120, 95)
    protected = clean.copy()
    protected[200:, 200:, 0] += 20
    crops = {crop.kind: crop for crop in visibility_sheet.crops_of("p", clean, protected)}
    assert set(crops) == {"largest difference", *visibility_sheet.KINDS}
    assert (crops["skin"].clean == (190, 120, 95)).all(2).mean() > 0.8 and crops["skin"].seen > 1
    assert (crops["dark"].clean < 20).mean() > 0.8 and (crops["smooth, bright"].clean > 200).mean() > 0.8
    assert crops["largest difference"].seen == max(crop.seen for crop in crops.values())

"""The example pictures are what SOURCES.md says, and `unseg protect` and the example script work on them."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from unseg_cli.cli.app import main


def pictures(photos: Path) -> dict[str, Path]:
    return {path.relative_to(photos).as_posix(): path for path in sorted(photos.rglob("*")) if path.is_file() and path.suffix != ".md"}


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
    return picture


def test_every_picture_has_a_source_and_a_licence(photos: Path) -> None:
    rows = [line for line in (photos / "SOURCES.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = {row.split("`")[1]: row for row in rows}
    assert set(named) == {*pictures(photos), *(f"../too-faint/{name}" for name in pictures(photos.parent / "too-faint"))}
    assert all("CC0" in row or "public domain" in row or "as above" in row for row in rows)


def test_they_are_few_small_and_of_many_kinds(photos: Path) -> None:
    files = pictures(photos)
    assert len(files) == 6
    assert sum(path.stat().st_size for path in files.values()) < 3_000_000
    kinds = {name: opened(path) for name, path in files.items()}
    assert {picture.format for picture in kinds.values()} == {"JPEG", "PNG", "WEBP", "TIFF", "BMP"}
    assert {picture.mode for picture in kinds.values()} == {"RGB", "RGBA"}
    assert any("/" in name for name in files)
    assert len({picture.size for picture in kinds.values()}) >= 5
    cat = kinds["cat.jpg"]
    assert cat.getexif()[0x0112] == 6
    assert cat.info["icc_profile"]
    assert ImageOps.exif_transpose(cat).size == (451, 300)


@pytest.mark.slow
def test_protecting_the_examples(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command of `make demo`, with the shipped generator: all six pictures, in kind, and within the budget."""
    out = tmp_path / "out"
    assert main(["protect", str(photos), str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["images"], document["protected"], document["failed"]) == (6, 6, 0)
    assert sum(document["mask_source"].values()) == 6
    for name, path in pictures(photos).items():
        clean, protected = opened(path), opened(out / name)
        assert (protected.format, protected.mode, protected.size) == (clean.format, clean.mode, clean.size)
        change = np.abs(np.asarray(clean).astype(int) - np.asarray(protected).astype(int))
        assert change.max() > 0, name
        if path.suffix in (".png", ".bmp", ".tif"):
            assert change.max() <= 8, name
    assert opened(out / "cat.jpg").getexif()[0x0112] == 6
    alphas = [np.asarray(opened(folder / "cup-cut-out.png"))[..., 3] for folder in (photos, out)]
    assert np.array_equal(*alphas)
    assert not (out / "SOURCES.md").exists()

    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    assert main(["protect", str(photos), str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == 6
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.suffix != ".jsonl"}.items() <= before.items()

    assert main(["verify", str(photos), str(out), "--json"]) == 0
    assert all(pair["ok"] for pair in json.loads(capsys.readouterr().out)["pairs"])


@pytest.mark.slow
def test_what_is_too_faint_is_said(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As examples/README.md says: by default neither is written, and at the high strength both are."""
    src = photos.parent / "too-faint"
    assert main(["protect", str(src), str(tmp_path / "out"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["images"], document["failed"]) == (2, 2)
    assert all("too little to protect" in failure["error"] for failure in document["failures"])
    assert not list((tmp_path / "out").glob("*.[jp]*g"))
    assert main(["protect", str(src), str(tmp_path / "out"), "--json", "--strength", "high"]) == 0
    assert json.loads(capsys.readouterr().out)["protected"] == 2


@pytest.mark.slow
def test_the_script_runs(
    photos: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cat.png"
    monkeypatch.setattr(sys, "argv", ["protect_one_picture.py", str(photos / "cat.jpg"), str(out)])
    runpy.run_path(str(root / "examples" / "protect_one_picture.py"), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) == 2
    clean = np.asarray(ImageOps.exif_transpose(opened(photos / "cat.jpg"))).astype(int)
    protected = np.asarray(opened(out))
    assert protected.shape == clean.shape == (300, 451, 3)
    assert 0 < np.abs(clean - protected).max() <= 8


def test_two_pictures_are_put_side_by_side(
    photos: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The picture of the README is made by this script."""
    out = tmp_path / "both.jpg"
    monkeypatch.setattr(sys, "argv", ["side_by_side.py", str(photos / "cat.jpg"), str(photos / "cat.jpg"), str(out)])
    runpy.run_path(str(root / "examples" / "side_by_side.py"), run_name="__main__")
    assert capsys.readouterr().out == f"{out}: 910x300\n"
    both = np.asarray(opened(out)).astype(int)
    assert np.abs(both[:, :448] - both[:, 459:907]).mean() < 2

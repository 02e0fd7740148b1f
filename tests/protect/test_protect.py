"""`unseg protect` on folders: what is written, what is skipped, what fails, and what is never touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.links import link
from tests.protect.conftest import Protect, hashes, photo, rows
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.pictures.decode import read_picture


def test_a_tree_is_mirrored_and_measured(src: Path, tmp_path: Path, run_protect: Protect, events: Any) -> None:
    before = hashes(src)
    dst = tmp_path / "out"
    report = run_protect(src, dst, budget=NoiseBudget(8 / 255, 2 / 255))
    names = ["a.png", "b.JPG", "sub/c.webp", "sub/deep/a.tif", "sub/deep/d.bmp"]
    assert sorted(hashes(dst)) == sorted([*names, "unseg-manifest.jsonl"])
    assert hashes(src) == before
    document = report.document
    assert report.exit_code == 0
    assert {key: document[key] for key in ("schema", "command", "images", "protected", "skipped", "failed", "failures")} == {
        "schema": 1, "command": "protect", "images": 5, "protected": 5, "skipped": 0, "failed": 0, "failures": [],
    }  # fmt: skip
    assert document["mask_source"] == {"file": 0, "auto": 5, "whole": 0}
    assert document["generator"] == {"name": "stand-in", "sha256": "5" * 64}
    assert json.loads(json.dumps(document)) == document
    assert events.advanced == 5
    for name, row in rows(dst).items():
        clean, written = read_picture(src / name), read_picture(dst / name)
        step = np.abs(clean.pixels.astype(int) - written.pixels)
        assert row["linf_255"] == step.max() > 0
        assert row["src_sha256"] == before[name]
        assert row["dst_sha256"] == hashes(dst)[name]
        assert (row["status"], row["dst"], row["error"], row["epsilon"], row["epsilon_bg"]) == ("protected", name, None, 8 / 255, 2 / 255)
        assert row["psnr"] > 25
        assert 0 < row["ssim"] < 1
        if name != "b.JPG":
            # the stand-in takes the upper half for the object
            assert step[:24].max() == 8
            assert step[24:].max() == 2
    assert any("already trained" in line for line in report.closing)
    assert any("lowers what a model can learn" in line for line in report.closing)


def test_a_second_run_does_nothing(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    dst = tmp_path / "out"
    run_protect(src, dst)
    before = {path: path.stat() for path in dst.rglob("*") if path.is_file()}
    report = run_protect(src, dst)
    assert (report.document["protected"], report.document["skipped"], report.exit_code) == (0, 5, 0)
    assert report.document["linf_255_max"] is None
    after = {path: path.stat() for path in dst.rglob("*") if path.is_file()}
    assert {p: (s.st_ino, s.st_mtime_ns) for p, s in before.items()} == {p: (s.st_ino, s.st_mtime_ns) for p, s in after.items()}


def test_pictures_without_masks_are_done_again_when_something_else_finds_objects(
    src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "masks").mkdir()
    with Image.open(src / "a.png") as picture:
        Image.new("L", picture.size, 255).save(tmp_path / "masks" / "a.png")
    run_protect(src, tmp_path / "out", masks=tmp_path / "masks")
    monkeypatch.setattr("unseg_cli.protect.run.Session.finder_identity", "two networks:1:abc")
    document = run_protect(src, tmp_path / "out", masks=tmp_path / "masks").document
    assert (document["protected"], document["skipped"]) == (4, 1)
    document = run_protect(src, tmp_path / "out", masks=tmp_path / "masks").document
    assert (document["protected"], document["skipped"]) == (0, 5)


def test_what_changed_is_done_again(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    dst = tmp_path / "out"
    run_protect(src, dst)
    good = hashes(dst)
    (dst / "a.png").unlink()
    (dst / "sub" / "c.webp").write_bytes((src / "sub" / "c.webp").read_bytes())
    Image.fromarray(photo(9)).save(src / "sub" / "deep" / "a.tif")
    report = run_protect(src, dst)
    assert (report.document["protected"], report.document["skipped"]) == (3, 2)
    after = hashes(dst)
    assert (after["a.png"], after["sub/c.webp"]) == (good["a.png"], good["sub/c.webp"])
    assert after["sub/deep/a.tif"] != good["sub/deep/a.tif"]
    report = run_protect(src, dst, budget=NoiseBudget(4 / 255, 1 / 255))
    assert report.document["protected"] == 5
    assert {row["epsilon"] for row in rows(dst).values()} == {4 / 255}
    assert run_protect(src, dst, budget=NoiseBudget(4 / 255, 1 / 255), metadata="strip").document["protected"] == 5


def test_batches_and_workers_change_nothing(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    results = []
    for number, settings in enumerate(({"batch_size": 1, "workers": 1}, {"batch_size": 3, "workers": 4}, {"batch_size": 64, "workers": 0})):
        run_protect(src, tmp_path / str(number), **settings)
        written = hashes(tmp_path / str(number))
        written.pop("unseg-manifest.jsonl")
        results.append(written)
    assert results[0] == results[1] == results[2]


def test_files_of_others_are_not_overwritten(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    dst = tmp_path / "out"
    dst.mkdir()
    (dst / "a.png").write_bytes(b"mine")
    report = run_protect(src, dst)
    assert (report.document["protected"], report.document["failed"]) == (4, 1)
    assert "not written by an earlier run" in report.document["failures"][0]["error"]
    assert (dst / "a.png").read_bytes() == b"mine"
    again = run_protect(src, dst)
    assert again.document["failed"] == 1  # having failed once does not make it ours
    final = run_protect(src, dst, overwrite=True)
    assert (final.document["protected"], final.document["skipped"], final.exit_code) == (1, 4, 0)
    assert read_picture(dst / "a.png").size == (48, 64)


def test_originals_behind_links_are_not_overwritten(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    dst = tmp_path / "out"
    dst.mkdir()
    link(dst / "sub", src / "sub")
    before = hashes(src)
    report = run_protect(src, dst, overwrite=True)
    assert report.document["failed"] == 3
    assert hashes(src) == before


def test_dry_run_touches_nothing(src: Path, tmp_path: Path, run_protect: Protect, events: Any) -> None:
    (src / "text.jpg").write_text("this is no picture at all")
    report = run_protect(src, tmp_path / "out", dry_run=True)
    assert not (tmp_path / "out").exists()
    assert (report.document["would_protect"], report.document["protected"], report.document["failed"]) == (5, 0, 1)
    assert [planned["src"] for planned in report.document["planned"]] == [
        "a.png",
        "b.JPG",
        "sub/c.webp",
        "sub/deep/a.tif",
        "sub/deep/d.bmp",
    ]
    run_protect(src, tmp_path / "out", limit=2)
    before = hashes(tmp_path / "out")
    report = run_protect(src, tmp_path / "out", dry_run=True)
    assert (report.document["would_protect"], report.document["skipped"]) == (3, 2)
    assert hashes(tmp_path / "out") == before


def test_limit_include_and_exclude(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    assert run_protect(src, tmp_path / "out", limit=2).document["images"] == 2
    assert run_protect(src, tmp_path / "out2", include=["*.png", "*.webp"], exclude=["sub/*"]).document["images"] == 1


def test_a_single_picture(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    report = run_protect(src / "b.JPG", tmp_path / "out")
    assert report.document["protected"] == 1
    assert sorted(hashes(tmp_path / "out")) == ["b.JPG", "unseg-manifest.jsonl"]
    report = run_protect(src / "a.png", tmp_path / "one" / "other.png")
    assert sorted(hashes(tmp_path / "one")) == ["other.png", "unseg-manifest.jsonl"]
    region = np.zeros((48, 64), np.uint8)
    region[:9] = 1
    Image.fromarray(region).save(tmp_path / "mask.png")
    report = run_protect(src / "a.png", tmp_path / "two", masks=tmp_path / "mask.png")
    assert report.document["mask_source"]["file"] == 1


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_another_format(src: Path, tmp_path: Path, run_protect: Protect, format: str) -> None:
    report = run_protect(src, tmp_path / "out", format=format)
    assert (report.document["protected"], report.exit_code) == (5, 0)
    for name, row in rows(tmp_path / "out").items():
        written = read_picture(tmp_path / "out" / row["dst"])
        assert written.kind == format
        assert Path(row["dst"]).with_suffix("") == Path(name).with_suffix("")
        assert row["lossless"] is (format == "png" or (format == "webp" and name != "b.JPG"))


def test_a_copy_in_the_former_format_is_named(src: Path, tmp_path: Path, run_protect: Protect, events: Any) -> None:
    run_protect(src, tmp_path / "out")
    assert not events.warnings
    run_protect(src, tmp_path / "out", format="png")
    assert "sub/c.webp: sub/c.webp, written by an earlier run, stays beside sub/c.png" in events.warnings
    assert not any(warning.startswith("a.png") for warning in events.warnings)
    assert (tmp_path / "out" / "sub" / "c.webp").is_file()


def test_previews_and_noise_of_finished_pictures_can_be_had_later(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    run_protect(src, tmp_path / "out")
    before = hashes(tmp_path / "out")
    for option, suffix in (("preview", "png"), ("save_noise", "npz")):
        for expected in (5, 0):
            report = run_protect(src, tmp_path / "out", **{option: tmp_path / option})
            assert report.document["protected"] == expected
        assert len(list((tmp_path / option).rglob(f"*.{suffix}"))) == 5
    after = hashes(tmp_path / "out")
    del before["unseg-manifest.jsonl"], after["unseg-manifest.jsonl"]
    assert after == before


def test_noise_and_previews(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    run_protect(src, tmp_path / "out", budget=NoiseBudget(8 / 255, 2 / 255), save_noise=tmp_path / "noise", preview=tmp_path / "preview")
    for name, row in rows(tmp_path / "out").items():
        clean, written = read_picture(src / name).pixels.astype(int), read_picture(tmp_path / "out" / name).pixels
        with np.load(tmp_path / "noise" / f"{name}.npz") as saved:
            assert saved["mask"].mean() == pytest.approx(row["mask_share"], abs=1e-3)
            assert (float(saved["epsilon"]), float(saved["epsilon_bg"])) == (8 / 255, 2 / 255)
            assert np.abs(saved["perturbation"]).max() == 8
            if row["lossless"]:
                assert (clean + saved["perturbation"] == written).all()
        with Image.open(tmp_path / "preview" / f"{name}.png") as sheet:
            panels = np.asarray(sheet)
        assert panels.shape == (48, 3 * 64 + 2 * 8, 3)
        grey = clean.ndim == 2
        shown = panels[..., 1] if grey else panels
        assert (shown[:, :64] == clean).all()
        assert (shown[:, 72:136] == written).all()
        assert (shown[:, 144:] == np.clip(128 + 16 * (written.astype(int) - clean), 0, 255)).all()
    for option in ("preview", "save_noise"):
        with pytest.raises(UsageProblem, match="inside SRC"):
            run_protect(src, tmp_path / "out", **{option: src / "extra"})
        with pytest.raises(UsageProblem, match="is DST itself"):
            run_protect(src, tmp_path / "out", **{option: tmp_path / "out"})
        with pytest.raises(UsageProblem, match="is --masks itself"):
            run_protect(src, tmp_path / "out", masks=tmp_path / "extra", **{option: tmp_path / "extra"})
        one = src / "a.png"
        with pytest.raises(UsageProblem, match="is SRC's folder itself"):
            run_protect(one, tmp_path / "one.png", **{option: one.parent})
        with pytest.raises(UsageProblem, match="is DST's folder itself"):
            run_protect(one, tmp_path / "one" / "a.png", **{option: tmp_path / "one"})
    with pytest.raises(UsageProblem, match="is --masks itself"):
        run_protect(src, tmp_path / "masks", masks=tmp_path / "masks")


def test_large_previews_are_scaled(tmp_path: Path, run_protect: Protect) -> None:
    (tmp_path / "src").mkdir()
    Image.fromarray(photo(0, 300, 2000)).save(tmp_path / "src" / "wide.png", compress_level=1)
    run_protect(tmp_path / "src", tmp_path / "out", preview=tmp_path / "preview")
    with Image.open(tmp_path / "preview" / "wide.png.png") as sheet:
        assert sheet.size == (3 * 1024 + 16, 154)

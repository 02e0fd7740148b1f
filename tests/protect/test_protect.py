"""`unseg protect` on folders: what is written, what is skipped, what fails, and what is never touched."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import unseg_cli.protect.run as workflow
from tests.protect.conftest import hashes, photo, rows, session_of, texture
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import EnvironmentProblem, NothingToDo, UnsegError, UsageProblem
from unseg_cli.core.events import Report
from unseg_cli.generators.session import PictureNoise
from unseg_cli.noise.field import ArrayField
from unseg_cli.pictures.decode import read_picture

Protect = Callable[..., Report]


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


def test_one_bad_picture_does_not_stop_the_others(src: Path, tmp_path: Path, run_protect: Protect, events: Any) -> None:
    (src / "text.jpg").write_text("this is no picture at all\n" * 9)
    (src / "b.JPG").write_bytes((src / "b.JPG").read_bytes()[:-500])
    report = run_protect(src, tmp_path / "out")
    assert report.exit_code == 1
    assert (report.document["protected"], report.document["failed"]) == (4, 2)
    failures = {failure["path"]: failure["error"] for failure in report.document["failures"]}
    assert "truncated" in failures["b.JPG"]
    assert failures["text.jpg"] == "is text, not a picture"
    assert not (tmp_path / "out" / "text.jpg").exists()
    assert not (tmp_path / "out" / "b.JPG").exists()
    assert rows(tmp_path / "out")["text.jpg"]["status"] == "failed"
    assert sum("text.jpg" in warning for warning in events.warnings) == 1
    again = run_protect(src, tmp_path / "out")
    assert (again.document["protected"], again.document["skipped"], again.document["failed"], again.exit_code) == (0, 4, 2, 1)


def test_fail_fast(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    (src / "0.jpg").write_text("this is no picture at all")
    report = run_protect(src, tmp_path / "out", fail_fast=True, batch_size=1)
    assert (report.document["failed"], report.exit_code) == (1, 1)
    assert report.document["images"] < 6


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
    try:
        os.symlink(src / "sub", dst / "sub")
    except OSError:
        pytest.skip("no links here")
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


def test_an_unprotected_copy_is_never_called_protected(
    src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silence(generator: Any, images: list[Any], masks: list[Any], target: str) -> list[Any]:
        return [
            PictureNoise(field=ArrayField(np.zeros(image.shape, np.float32)), mask=np.ones(image.shape[:2], bool), mask_source="whole")
            for image in images
        ]

    monkeypatch.setattr(workflow, "Session", session_of(silence))
    report = run_protect(src, tmp_path / "out")
    assert (report.document["protected"], report.document["failed"], report.exit_code) == (0, 5, 1)
    assert list(hashes(tmp_path / "out")) == ["unseg-manifest.jsonl"]
    assert all(row["status"] == "failed" for row in rows(tmp_path / "out").values())


def test_noise_that_the_codec_removes_is_a_failure(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    report = run_protect(src, tmp_path / "out", include=["b.JPG"], quality=1, budget=NoiseBudget(1 / 255, 1 / 255))
    assert report.exit_code == 1
    assert "the file is not protected" in report.document["failures"][0]["error"]
    assert not (tmp_path / "out" / "b.JPG").exists()


def test_noise_beyond_the_budget_is_a_failure(src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: pytest.MonkeyPatch) -> None:
    import unseg_cli.protect.one as steps

    def too_much(pixels: Any, *_: Any) -> Any:
        return np.where(pixels < 100, pixels + 9, pixels - 9).astype(np.uint8)

    monkeypatch.setattr(steps, "add_noise", too_much)
    report = run_protect(src, tmp_path / "out")
    assert report.document["failed"] == 5
    assert "exceeds its budget" in report.document["failures"][0]["error"]


def test_usage_problems(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    for changes in ({"budget": NoiseBudget(0.001, 0)}, {"mask_rule": "nonsense"}, {"device": "gpu"}):
        with pytest.raises(UsageProblem):
            run_protect(src, tmp_path / "out", **changes)
    for dst in (src, src / "out", tmp_path):
        with pytest.raises(UsageProblem):
            run_protect(src, dst)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo):
        run_protect(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("budget", "message", "hint"),
    [
        (NoiseBudget(0, 0), "--epsilon 0/255 protects nothing", "pass --epsilon 8/255"),
        (NoiseBudget(0, 4 / 255), "--epsilon 0/255 protects nothing", "pass --epsilon 8/255"),
        (NoiseBudget(4 / 255, 8 / 255), "--epsilon-bg 8/255 is above --epsilon 4/255", "pass --epsilon-bg 4/255 or less"),
    ],
)
def test_a_budget_that_protects_nothing_or_the_wrong_thing_is_refused(
    src: Path, tmp_path: Path, run_protect: Protect, budget: NoiseBudget, message: str, hint: str
) -> None:
    with pytest.raises(UsageProblem, match=message) as caught:
        run_protect(src, tmp_path / "out", budget=budget)
    assert hint in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_absent_weights_are_found_before_anything_is_written(src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: Any) -> None:
    def absent(*_: Any, **__: Any) -> None:
        raise EnvironmentProblem("no weights", hint="get them")

    monkeypatch.setattr(workflow, "open_runtime", absent)
    with pytest.raises(EnvironmentProblem):
        run_protect(src, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_out_of_memory_goes_on_picture_by_picture(src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: Any) -> None:
    whole = texture

    def small_machine(generator: Any, images: list[Any], masks: list[Any], target: str) -> Any:
        if len(images) > 1:
            raise RuntimeError("CUDA out of memory")
        return whole(generator, images, masks, target)

    monkeypatch.setattr(workflow, "Session", session_of(small_machine))
    assert run_protect(src, tmp_path / "out").document["protected"] == 5

    def no_machine(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(workflow, "Session", session_of(no_machine))
    report = run_protect(src, tmp_path / "out2")
    assert report.document["failed"] == 5
    assert "too large" in report.document["failures"][0]["error"]


def test_other_errors_are_not_swallowed(src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: Any) -> None:
    def defect(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(workflow, "Session", session_of(defect))
    with pytest.raises(RuntimeError, match="a defect"):
        run_protect(src, tmp_path / "out")


def test_interrupted_runs_keep_what_is_done_and_go_on(
    src: Path, tmp_path: Path, run_protect: Protect, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = texture, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(workflow, "Session", session_of(interrupted))
    with pytest.raises(KeyboardInterrupt) as caught:
        run_protect(src, tmp_path / "out", batch_size=1, workers=1)
    done = rows(tmp_path / "out")
    assert 1 <= len(done) <= 3
    assert str(caught.value) == f"interrupted: {len(done)} of 5 pictures are done"
    assert not events.infos and not events.warnings, "who prints the exception says it, once"
    assert all(hashes(tmp_path / "out")[name] == row["dst_sha256"] for name, row in done.items())
    monkeypatch.setattr(workflow, "Session", session_of(whole))
    report = run_protect(src, tmp_path / "out")
    assert (report.document["protected"], report.document["skipped"]) == (5 - len(done), len(done))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("unseg")]


def test_write_errors_fail_the_picture_alone(src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: pytest.MonkeyPatch) -> None:
    dst = tmp_path / "out"
    dst.mkdir()
    (dst / "sub").write_text("a file where a folder is needed")
    report = run_protect(src, dst)
    assert (report.document["protected"], report.document["failed"]) == (2, 3)
    assert all("cannot be" in failure["error"] for failure in report.document["failures"])


def test_errors_carry_hints(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    (src / "text.jpg").write_text("this is no picture at all")
    report = run_protect(src, tmp_path / "out")
    assert all(failure["hint"] for failure in report.document["failures"])
    with pytest.raises(UnsegError) as caught:
        run_protect(src, src)
    assert caught.value.hint

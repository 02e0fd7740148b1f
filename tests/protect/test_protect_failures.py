"""What goes wrong in a run of protect: with one picture, with the options, with the machine."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unseg_cli.protect.run as workflow
from tests.protect.conftest import Protect, hashes, rows, session_of, texture
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import EnvironmentProblem, NothingToDo, UnsegError, UsageProblem
from unseg_cli.generators.session import PictureNoise
from unseg_cli.noise.field import ArrayField


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
    report = run_protect(src, tmp_path / "out", include=["b.JPG"], quality=1, budget=NoiseBudget(2 / 255, 2 / 255))
    assert report.exit_code == 1
    assert "the file is not protected" in report.document["failures"][0]["error"]
    assert not (tmp_path / "out" / "b.JPG").exists()


def test_noise_beyond_the_budget_is_a_failure(src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: pytest.MonkeyPatch) -> None:
    import unseg_cli.pictures.adding as steps

    def too_much(pixels: Any, *_: Any) -> None:
        pixels[:1, :1] += 9

    for add in ("_add_bytes", "_add_levels"):
        monkeypatch.setattr(steps, add, too_much)
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


def test_a_defect_that_one_picture_shows_is_told_and_the_others_are_protected(
    src: Path, tmp_path: Path, run_protect: Protect, events: Any, monkeypatch: Any
) -> None:
    calls = []

    def defect(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("a defect")
        return texture(*arguments)

    monkeypatch.setattr(workflow, "Session", session_of(defect))
    report = run_protect(src, tmp_path / "out", workers=1)
    assert (report.document["protected"], report.document["failed"], report.exit_code) == (4, 1, 1)
    (failure,) = report.document["failures"]
    assert failure["error"] == "unexpected problem: RuntimeError: a defect" and "--debug" in failure["hint"]
    assert rows(tmp_path / "out")[failure["path"]]["status"] == "failed"
    assert any("Traceback" in detail and "in defect" in detail for detail in events.details)


def test_a_defect_of_the_network_ends_a_run_in_batches(src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: Any) -> None:
    def defect(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(workflow, "Session", session_of(defect))
    with pytest.raises(RuntimeError, match="a defect"):
        run_protect(src, tmp_path / "out", batch_size=2)


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

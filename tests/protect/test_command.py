"""`unseg protect` as someone new to it uses it: what is typed, the exit code, and what is printed."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import unseg_cli.protect.run as workflow
from tests.links import link
from tests.protect.conftest import StandInGenerator, Unseg, hashes, photo, rows


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        (["--epsilon", "0"], "--epsilon 0/255 protects nothing", "--epsilon 8/255"),
        (["--epsilon", "1/255", "--epsilon-bg", "2/255"], "--epsilon-bg 2/255 is above --epsilon 1/255", "pass --epsilon-bg 1/255 or less"),
        (["--epsilon-bg", "9/255"], "--epsilon-bg 9/255 is above --epsilon 8/255", "pass --epsilon-bg 8/255 or less"),
    ],
)
def test_budgets_that_protect_nothing_or_the_wrong_thing(
    src: Path, tmp_path: Path, unseg: Unseg, options: list[str], error: str, hint: str
) -> None:
    code, out, err = unseg("protect", src, tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert error in err.splitlines()[0] and hint in err.splitlines()[1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("first", "second", "targets"),
    [("p.avif", "p.png", ["p.jpg", "p.png.jpg"]), ("a.jpg", "a.png", ["a.jpg", "a.png.jpg"])],
)
def test_two_pictures_for_one_name_get_two_names(tmp_path: Path, unseg: Unseg, first: str, second: str, targets: list[str]) -> None:
    (tmp_path / "src").mkdir()
    for number, name in enumerate((first, second)):
        Image.fromarray(photo(number)).save(tmp_path / "src" / name)
    line = ("protect", tmp_path / "src", tmp_path / "out", "--format", "jpeg")
    code, out, err = unseg(*line)
    assert (code, sorted(hashes(tmp_path / "out"))) == (0, [*targets, "unseg-manifest.jsonl"])
    assert f"{second}: is written as {targets[1]}, since another picture takes the name {targets[0]}" in err
    assert "2 protected" in out
    assert "0 protected, 2 skipped" in unseg(*line).out
    assert unseg("verify", tmp_path / "src", tmp_path / "out", "--json").code == 0


def test_a_name_that_goes_to_another_picture_is_not_said_to_stay(tmp_path: Path, unseg: Unseg) -> None:
    (tmp_path / "src").mkdir()
    Image.fromarray(photo(1)).save(tmp_path / "src" / "a.png")
    line = ("protect", tmp_path / "src", tmp_path / "out", "--format", "jpeg", "--workers", 1, "--batch-size", 1)
    unseg(*line)
    Image.fromarray(photo(2)).save(tmp_path / "src" / "a.jpg")
    code, out, err = unseg(*line)
    assert code == 0 and "2 protected" in out and "stays beside" not in err
    assert {name: row["dst"] for name, row in rows(tmp_path / "out").items()} == {"a.jpg": "a.jpg", "a.png": "a.png.jpg"}
    assert unseg("verify", tmp_path / "src", tmp_path / "out", "--json").code == 0


def test_a_photograph_is_no_mask(photos: Path, tmp_path: Path, unseg: Unseg) -> None:
    code, out, _ = unseg("protect", photos / "cat.jpg", tmp_path / "out", "--masks", photos / "cat.jpg")
    assert code == 1
    assert "failed: cat.jpg: its mask cat.jpg looks like a photograph, not like a mask" in out
    assert "What this does" not in out, "nothing was protected"
    assert not (tmp_path / "out" / "cat.jpg").exists()
    assert unseg("protect", photos / "cat.jpg", tmp_path / "out", "--masks", photos / "cat.jpg", "--dry-run").code == 1


def test_masks_that_all_mark_nothing_are_no_success(src: Path, tmp_path: Path, unseg: Unseg) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.full((48, 64), 9, np.uint8)).save(masks / f"{name}.png")
    line = ("protect", src, tmp_path / "out", "--masks", masks, "--mask-rule", "class:7", "--include", "?.png", "--include", "?.jpg")
    complaint = "all 2 masks mark nothing under --mask-rule class:7"
    assert unseg(*line, "--dry-run").code == 1
    for _ in range(2):  # the second time everything is skipped
        code, _, err = unseg(*line)
        assert code == 1 and complaint in err
    Image.fromarray(np.full((48, 64), 7, np.uint8)).save(masks / "a.png")
    code, _, err = unseg(*line)
    assert code == 0 and "1 of 2 masks mark nothing" in err


def test_nothing_is_claimed_after_a_run_that_protected_nothing(src: Path, tmp_path: Path, unseg: Unseg) -> None:
    assert "What this does: " in unseg("protect", src, tmp_path / "out").out
    again = unseg("protect", src, tmp_path / "out")
    assert (again.code, again.out) == (0, again.out.splitlines()[0] + "\n")


def test_what_was_passed_over_is_said(src: Path, tmp_path: Path, unseg: Unseg) -> None:
    Image.fromarray(photo()).save(src / ".hidden.png")
    link(src / "link", src / "sub")
    Image.fromarray(photo()).save(src / "three.mpo", "JPEG")
    code, out, err = unseg("protect", src, tmp_path / "out", "--dry-run")
    assert "passed over: 1 hidden picture and 1 linked folder" in err.splitlines()
    assert "would protect three.mpo" in out.splitlines()
    (tmp_path / "dots").mkdir()
    shutil.copy(src / ".hidden.png", tmp_path / "dots" / ".only.png")
    code, _, err = unseg("protect", tmp_path / "dots", tmp_path / "out")
    assert code == 3 and "(1 hidden picture passed over)" in err


def test_another_checkpoint_or_code_version_does_the_pictures_again(
    src: Path, tmp_path: Path, unseg: Unseg, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("protect", src, tmp_path / "out")
    assert "5 protected" in unseg(*line).out
    assert {row["sam_checkpoint_sha256"] for row in rows(tmp_path / "out").values()} == {None}

    def other(*_: object, **__: object) -> StandInGenerator:
        generator = StandInGenerator()
        generator.source = type(generator.source)(**{**vars(generator.source), "sam_checkpoint_sha256": "7" * 64})
        return generator

    monkeypatch.setattr(workflow, "open_runtime", other)
    assert "5 protected" in unseg(*line).out
    assert {row["sam_checkpoint_sha256"] for row in rows(tmp_path / "out").values()} == {"7" * 64}
    assert "5 skipped" in unseg(*line).out
    monkeypatch.setattr("unseg_cli.protect.settings.NOISE_CODE", "another")
    assert "5 protected" in unseg(*line).out


def test_there_is_no_seed_that_would_do_nothing(src: Path, tmp_path: Path, unseg: Unseg) -> None:
    code, _, err = unseg("protect", src, tmp_path / "out", "--seed", "1")
    assert code == 2 and "--seed" in err


# A generator that takes its time, and says when it has drawn.
SLOW = """
    import signal, sys, time
    import unseg_cli.protect.run as workflow
    from tests.protect.conftest import StandInGenerator, session_of, texture

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background hands down an ignored SIGINT
    from unseg_cli.cli.app import main

    drawn = 0

    def slow(*arguments):
        global drawn
        drawn += 1
        if drawn > 3:
            print("three are drawn", flush=True)
            time.sleep(60)
        return texture(*arguments)

    workflow.open_runtime = lambda *_, **__: StandInGenerator()
    workflow.Session = session_of(slow)
    sys.exit(main(["protect", *sys.argv[1:], "--batch-size", "1", "--workers", "4", "--device", "cpu"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
def test_control_c_counts_what_is_on_disk_and_says_so_once(src: Path, tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SLOW), str(src), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=root)
    assert process.stderr is not None
    # Prints of other code go to stderr while a workflow runs.
    assert process.stderr.readline() == "three are drawn\n"
    patience = time.monotonic() + 60
    while not (tmp_path / "out" / "a.png").exists() and time.monotonic() < patience:
        time.sleep(0.01)  # the threads that write are behind the one that draws
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    done = [name for name in hashes(tmp_path / "out") if name != "unseg-manifest.jsonl"]
    assert err.splitlines() == [
        f"error: interrupted: {len(done)} of 5 pictures are done",
        "hint: finished pictures stay; run the same command again to protect the rest",
    ]
    assert 1 <= len(done) <= 3 and set(done) == set(rows(tmp_path / "out"))


def test_a_raw_file_is_refused_with_one_line(tmp_path: Path, unseg: Unseg) -> None:
    out = io.BytesIO()
    Image.fromarray(photo()).save(out, "TIFF")
    (tmp_path / "photo.nef").write_bytes(out.getvalue())
    code, _, err = unseg("protect", tmp_path / "photo.nef", tmp_path / "out")
    assert code == 1
    assert sum("photo.nef" in line for line in err.splitlines()) == 1 and "RAW" in err
    assert not (tmp_path / "out" / "photo.nef").exists()


def test_what_is_in_the_way_is_said_before_anything_is_drawn_and_by_a_dry_run(src: Path, tmp_path: Path, unseg: Unseg) -> None:
    out = tmp_path / "out"
    (out / "a.png").mkdir(parents=True)
    (out / "sub").write_text("a file")
    for options, of_the_other in ((["--dry-run"], "1 would be protected"), ([], "1 protected"), (["--overwrite"], "1 skipped")):
        code, text, err = unseg("protect", src, out, *options)
        assert code == 1
        assert f"cannot be written: {out / 'a.png'} is a folder" in err
        assert f"cannot be written: {out / 'sub'} is a file, where a folder of that name is needed" in err
        assert of_the_other in text  # b.JPG has nothing in its way

"""Folders that may not be read or written, that vanish, and links that lead in circles."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import unseg_cli.protect.run as workflow
from tests.links import link
from tests.protect.conftest import hashes, photo, session_of, texture
from tests.protect.faults.conftest import Unharmed, Unseg, manifest_of
from unseg_cli.cli.app import main

NOBODY = 65_534
Meanwhile = Callable[[int, Callable[[], object]], None]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions and links of POSIX")


@contextmanager
def as_somebody_else(*owned: Path) -> Iterator[None]:
    """Without the rights of root, which no permission stops."""
    if os.geteuid() != 0:
        yield
        return
    for folder in owned:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        for above in folder.parents:
            if above != above.parent and above.stat().st_uid == 0 and "pytest" in str(above):
                above.chmod(above.stat().st_mode | 0o055)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def dst_of_nobody(originals: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder to write to, of whoever owns the originals and runs the command."""
    dst = tmp_path / "dst"
    dst.mkdir()
    with as_somebody_else(originals, dst):
        yield dst


def test_a_folder_that_may_not_be_written_to_is_said_first(
    originals: Path, dst_of_nobody: Path, unseg: Unseg, unharmed: Unharmed, capsys: pytest.CaptureFixture[str]
) -> None:
    dst_of_nobody.chmod(0o555)
    assert unseg(originals, dst_of_nobody) == 4
    assert capsys.readouterr().err.startswith(f"error: nothing can be written to {dst_of_nobody} (Permission denied)\nhint: ")
    dst_of_nobody.chmod(0o755)
    unharmed.and_again(dst_of_nobody, unseg)


def test_a_picture_and_a_folder_that_may_not_be_read_fail_alone(
    originals: Path, dst_of_nobody: Path, unseg: Unseg, unharmed: Unharmed, capsys: pytest.CaptureFixture[str]
) -> None:
    (originals / "a.png").chmod(0)
    assert unseg(originals, dst_of_nobody) == 1
    assert "a.png: cannot be read (Permission denied)" in capsys.readouterr().err
    assert len(hashes(dst_of_nobody)) == 5
    (originals / "a.png").chmod(0o644)
    unharmed.and_again(dst_of_nobody, unseg)


def test_a_sub_folder_that_may_not_be_read_ends_the_run_unless_it_is_omitted(
    originals: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its pictures would stay unprotected without a word."""
    dst = tmp_path / "dst"
    dst.mkdir()
    with as_somebody_else(originals, dst):
        (originals / "sub").chmod(0)
        try:
            assert unseg(originals, dst) == 4
            said = capsys.readouterr().err.splitlines()
            assert said[0] == f"error: sub in {originals} cannot be read (Permission denied): there may be pictures in it"
            assert said[1].endswith("--exclude 'sub/*'")
            assert unseg(originals, dst, "--exclude", "sub/*") == 0
            assert unseg(originals, dst, command="verify") == 4
        finally:
            (originals / "sub").chmod(0o755)
    assert set(hashes(dst)) == {"a.png", "b.jpg", "e.bmp", "unseg-manifest.jsonl"}


def test_links_in_a_circle_end(originals: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]) -> None:
    link(originals / "sub" / "back", originals)
    link(originals / "itself.png", originals / "itself.png")
    link(originals / "nowhere.png", tmp_path / "nothing.png")
    assert main(["protect", str(originals), str(tmp_path / "dst"), "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    for name in ("itself.png", "nowhere.png"):
        assert f"{name}: cannot be read" in said
    assert "1 linked folder" in said
    assert len(manifest_of(tmp_path / "dst")) == 5 + 2


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch, unseg: Unseg) -> Meanwhile:
    """Something that happens while the n-th picture is with the network."""

    def arrange(when: int, happen: Callable[[], object]) -> None:
        seen = 0

        def noise(*arguments: object) -> object:
            nonlocal seen
            seen += 1
            if seen == when:
                happen()
            return texture(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(workflow, "Session", session_of(noise))  # type: ignore[arg-type]

    return arrange


def test_a_destination_that_vanishes_is_made_again(
    originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed, meanwhile: Meanwhile
) -> None:
    dst = tmp_path / "dst"
    meanwhile(3, lambda: shutil.rmtree(dst))
    assert unseg(originals, dst, "--workers", "1") in (0, 1)
    unharmed.after(dst)
    unharmed.and_again(dst, unseg)


def test_originals_that_vanish_fail_and_leave_their_copies(
    originals: Path,
    tmp_path: Path,
    unseg: Unseg,
    meanwhile: Meanwhile,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dst, kept = tmp_path / "dst", tmp_path / "kept"
    shutil.copytree(originals, kept)
    meanwhile(2, lambda: shutil.rmtree(originals / "sub"))
    assert unseg(originals, dst, "--workers", "1") == 1
    assert "sub/d.tif: cannot be read (No such file or directory)" in capsys.readouterr().err
    shutil.copytree(kept / "sub", originals / "sub")
    Unharmed(originals).and_again(dst, unseg)


def test_an_original_that_changes_is_done_again_whatever_its_clock_says(
    originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed
) -> None:
    dst, before = tmp_path / "dst", originals / "a.png"
    assert unseg(originals, dst) == 0
    first, when = hashes(dst), before.stat()
    Image.fromarray(np.roll(photo(0), 7, axis=0)).save(before)
    os.utime(before, (when.st_atime, when.st_mtime))
    for path in dst.iterdir():
        os.utime(path, (2**31, 2**31))  # far in the future
    changed = Unharmed(originals)
    changed.and_again(dst, unseg)
    again = hashes(dst)
    assert {name for name in first if first[name] != again[name]} == {"a.png", "unseg-manifest.jsonl"}

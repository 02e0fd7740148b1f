"""Killed (SIGKILL, as by a power cut) at points spread over a whole run: wherever it touches the disk."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.protect.conftest import hashes
from tests.protect.faults.conftest import Unharmed, Unseg, manifest_of
from unseg_cli.pictures.stores.local import LocalStore

#: What of `os` is counted: each opens, writes, moves or removes something. (The lock and the temporary files come in here, too.)
CALLS = ("open", "write", "replace", "rename", "unlink", "mkdir", "chmod", "close")
LEAST_POINTS = 30

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Countdown:
    """Kills the process at the n-th call of any of `CALLS`, or of a write to a file object."""

    def __init__(self, left: int) -> None:
        self.left = left

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Any) -> Any:
        def counted(*arguments: Any, **more: Any) -> Any:
            self.tick()
            return function(*arguments, **more)

        return counted


def run_until(point: int, originals: Path, dst: Path, unseg: Unseg, *more: object) -> int:
    """Run in a child that is killed at a point; how many points it passed, or -1 where it was killed.

    Half of each write that is hit reaches the disk: that is what a kill in the middle of it leaves.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        _, status = os.waitpid(child, 0)
        with os.fdopen(reader) as pipe:
            said = pipe.read()
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return -1
        return int(said)
    try:  # the child: no way out but `os._exit`
        countdown = Countdown(point)
        for name in CALLS:
            setattr(os, name, countdown.around(getattr(os, name)))
        _halve_writes(countdown)
        code = unseg(originals, dst, "--workers", "1", *more)
        passed = point - countdown.left
        countdown.left = 10**9
        os.write(writer, str(passed).encode())
        os._exit(code)
    except BaseException:
        os._exit(99)


def _halve_writes(countdown: Countdown) -> None:
    """Python's file objects write without calling `os.write`: their writes are cut in two, with a point in between."""

    def halved(path: Path, mode: str, data: bytes) -> None:
        with path.open(mode) as file:
            file.write(data[: len(data) // 2])
            file.flush()
            countdown.tick()
            file.write(data[len(data) // 2 :])

    def append(self: LocalStore, name: str, data: bytes) -> None:
        halved(self.root / name, "ab", data)

    Path.write_bytes = lambda self, data: halved(self, "wb", data)  # type: ignore[method-assign,assignment]
    LocalStore.append = append  # type: ignore[method-assign]


def test_a_kill_at_any_point_loses_nothing_and_a_rerun_completes(originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed) -> None:
    points = run_until(10**6, originals, tmp_path / "whole", unseg)
    assert points >= LEAST_POINTS
    unharmed.after(tmp_path / "whole")
    for point in range(1, points + 1):
        dst = tmp_path / f"killed at {point}"
        assert run_until(point, originals, dst, unseg) == -1
        unharmed.after(dst)
        unharmed.and_again(dst, unseg)


def test_a_kill_while_copies_are_replaced_leaves_the_old_ones_or_the_new_ones(
    originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed
) -> None:
    assert unseg(originals, tmp_path / "old", "--epsilon", "4/255") == 0
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    points = run_until(10**6, originals, tmp_path / "new", unseg)
    assert points >= LEAST_POINTS
    for point in range(1, points + 1, max(1, points // LEAST_POINTS)):
        dst = tmp_path / f"killed at {point}"
        shutil.copytree(tmp_path / "old", dst)
        assert run_until(point, originals, dst, unseg) == -1
        unharmed.after(dst)
        assert {name for name in hashes(dst) if not Path(name).name.startswith(".")} == set(hashes(tmp_path / "old"))
        unharmed.and_again(dst, unseg)
        assert {name: sha256 for name, sha256 in hashes(dst).items() if name != "unseg-manifest.jsonl"} == manifest_of(tmp_path / "new")


def test_killed_again_and_again_it_still_gets_to_the_end(originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed) -> None:
    """Each run is killed a little after the one before it, until one is not."""
    dst, kills = tmp_path / "out", 0
    while run_until(9 + kills, originals, dst, unseg) == -1:
        kills += 1
        unharmed.after(dst)
    assert kills >= 3
    unharmed.and_again(dst, unseg)

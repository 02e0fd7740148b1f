"""Two runs on one folder: over a tree the second is refused, over single pictures they take turns; a dead run locks nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.protect.conftest import hashes, rows
from tests.protect.faults.conftest import Unharmed, Unseg
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.pictures.stores.local import LOCK_NAME, LocalStore

#: Holds the lock of a folder until its input ends.
HOLDER = """
import sys
from pathlib import Path
from unseg_cli.pictures.stores.local import LocalStore
with LocalStore(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    sys.stdin.read()
"""


def holding(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


@pytest.mark.parametrize("command", ["protect", "detect"])
def test_the_second_run_is_refused_and_harms_nothing(
    command: str, originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed, capsys: pytest.CaptureFixture[str]
) -> None:
    dst = tmp_path / "out"
    with holding(dst) as other:
        assert unseg(originals, dst, command=command) == 4
        assert capsys.readouterr().err == (
            f"error: another run of unseg is writing to {dst}\nhint: wait until it has ended, or name another folder\n"
        )
        assert unseg(originals, dst, "--dry-run", command=command) == 0  # it writes nothing
        other.communicate()
    assert set(hashes(dst)) <= {LOCK_NAME}
    unharmed.and_again(dst, unseg)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL of POSIX")
def test_a_run_that_was_killed_locks_nothing(originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed) -> None:
    dst = tmp_path / "out"
    with holding(dst) as other:
        other.kill()
    assert (dst / LOCK_NAME).exists()
    unharmed.and_again(dst, unseg)


@pytest.mark.slow
def test_single_pictures_into_one_folder_take_turns(photos: Path, tmp_path: Path) -> None:
    """As `xargs -P` does it."""
    names = ["cat.jpg", "coffee.png", "portrait.bmp"]
    dst = tmp_path / "out"
    dst.mkdir()
    running = [
        subprocess.Popen([sys.executable, "-m", "unseg_cli", "protect", str(photos / name), str(dst), "-q"], stdout=subprocess.DEVNULL)
        for name in names
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert set(rows(dst)) == set(names)
    assert set(hashes(dst)) == {*names, "unseg-manifest.jsonl"}


def test_a_lock_within_a_process_holds_too_and_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "new")
    with store.locked():
        with pytest.raises(EnvironmentProblem, match="another run"), LocalStore(tmp_path / "new").locked():
            pass
        with LocalStore(tmp_path / "other").locked():
            pass
    with store.locked():
        pass
    assert list((tmp_path / "new").iterdir()) == []

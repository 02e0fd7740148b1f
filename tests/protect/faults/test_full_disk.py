"""A disk that is full: each picture that does not fit says so, what fits is whole, and after making room a rerun completes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import disks
from tests.protect.conftest import hashes
from tests.protect.faults.conftest import Unharmed, Unseg
from unseg_cli.pictures.stores.local import LocalStore


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small_disk(tmp_path / "disk", "2m") as where:
        yield where


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """Ten pictures of 300 kB that no codec makes smaller."""
    folder = tmp_path / "originals"
    folder.mkdir()
    for number in range(10):
        noise = np.random.default_rng(number).integers(0, 256, (316, 316, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    return folder


def test_what_does_not_fit_fails_alone_and_says_why(
    originals: Path, small_disk: Path, unseg: Unseg, unharmed: Unharmed, capsys: pytest.CaptureFixture[str]
) -> None:
    full, dst = small_disk / "full", small_disk / "out"
    full.write_bytes(bytes(700_000))
    assert unseg(originals, dst) == 1
    said = capsys.readouterr().err
    assert "cannot be written (No space left on device) - check permissions and free space of the folder" in said
    assert "Traceback" not in said
    unharmed.after(dst)
    there = hashes(dst)
    assert 2 <= len(there) <= 6
    assert not [name for name in there if ".part" in name]
    full.unlink()
    for name in [name for name in hashes(originals) if int(name[0]) > 4]:  # all ten do not fit
        (originals / name).unlink()
    Unharmed(originals).and_again(dst, unseg)


def test_a_disk_without_a_byte_left(originals: Path, small_disk: Path, unseg: Unseg, unharmed: Unharmed) -> None:
    dst = small_disk / "out"
    dst.mkdir()
    with suppress(OSError):
        (small_disk / "full").write_bytes(bytes(3_000_000))
    assert unseg(originals, dst) in (1, 4)
    unharmed.after(dst)
    assert not [name for name in hashes(dst) if name.endswith(".png")]


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_manifest_that_cannot_grow_keeps_its_pictures_away(
    after: int, originals: Path, tmp_path: Path, unseg: Unseg, unharmed: Unharmed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line comes before the picture: without one, the picture does not appear."""
    append, lines = LocalStore.append, 0

    def filling(self: LocalStore, name: str, data: bytes) -> None:
        nonlocal lines
        if lines == after:
            append(self, name, data[:20])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        lines += 1
        append(self, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "append", filling)
        assert unseg(originals, tmp_path / "out", "--workers", "1") == 1
    unharmed.after(tmp_path / "out")
    assert len([name for name in hashes(tmp_path / "out") if name.endswith(".png")]) == after
    unharmed.and_again(tmp_path / "out", unseg)

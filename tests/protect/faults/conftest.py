"""What has to hold whatever happens: originals as they were, nothing half-written, nothing called protected that is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import unseg_cli.protect.run as workflow
from tests.protect.conftest import StandInGenerator, hashes, photo, session_of, texture
from unseg_cli.cli.app import main
from unseg_cli.pictures.decode import read_picture

#: A run over a folder with what the tests set up, and its exit code; further arguments are typed.
Unseg = Callable[..., int]


@pytest.fixture
def unseg(monkeypatch: pytest.MonkeyPatch) -> Unseg:
    """`unseg protect` with the stand-in generator."""
    monkeypatch.setattr(workflow, "open_runtime", lambda *_, **__: StandInGenerator())
    monkeypatch.setattr(workflow, "Session", session_of(texture))

    def run(src: Path, dst: Path, *more: object, command: str = "protect") -> int:
        device = ["--device", "cpu"] if command == "protect" else []
        return main([command, str(src), str(dst), *device, "-q", *map(str, more)])

    return run


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """Some pictures of every format in a tree."""
    folder = tmp_path / "originals"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "sub/c.webp", "sub/d.tif", "e.bmp")):
        Image.fromarray(photo(number)).save(folder / name, quality=92)
    return folder


class Unharmed:
    """Asserts what has to hold after every fault, and that a further run makes it good."""

    def __init__(self, originals: Path) -> None:
        self.originals, self.before = originals, hashes(originals)

    def after(self, dst: Path) -> None:
        """Nothing was lost, and what lies under a picture's name is whole, and known to the manifest."""
        assert hashes(self.originals) == self.before
        known = lines_of(dst)
        for name, found in (hashes(dst) if dst.exists() else {}).items():
            if Path(name).name.startswith(".") or name == "unseg-manifest.jsonl":
                continue
            assert (name, found) in known, f"{name} is not what the manifest says"
            assert read_picture(dst / name).pixels.size

    def and_again(self, dst: Path, unseg: Unseg) -> None:
        """A further run completes what is missing; nothing is left over."""
        assert unseg(self.originals, dst) == 0
        assert unseg(self.originals, dst, command="verify") == 0
        assert hashes(self.originals) == self.before
        assert set(hashes(dst)) == {*self.before, "unseg-manifest.jsonl"}


def manifest_of(dst: Path) -> dict[str, str]:
    """Name of each written file -> the last hash that the manifest has for it; half a line counts as none."""
    return dict(lines_of(dst))


def lines_of(dst: Path) -> list[tuple[str, str]]:
    """Name and hash of all lines: of a copy that was being replaced there are two, and it is the old one or the new one."""
    found = []
    path = dst / "unseg-manifest.jsonl"
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found.append((row["dst"], row["dst_sha256"]))
    return found


@pytest.fixture
def unharmed(originals: Path) -> Unharmed:
    return Unharmed(originals)

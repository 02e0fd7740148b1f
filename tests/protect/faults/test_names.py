"""Names that file systems allow and programs stumble over."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.protect.conftest import hashes, photo
from tests.protect.faults.conftest import Unharmed, Unseg, manifest_of
from unseg_cli.core.runs import write_atomically
from unseg_cli.pictures.stores.local import LocalStore

NAMES = [
    "x" * 251 + ".png",
    "ü" * 125 + "x.png",
    "\N{CAT FACE}" * 62 + "abc.png",
    "e\N{COMBINING ACUTE ACCENT}.png",
    "--epsilon.png",
    "-.png",
    " leading and trailing .png",
    "two\nlines.png",
    "quote'\"`$(x).png",
    "a.b.c.PNG",
    "%s%d.png",
    "[brackets]*.png",
    "con.png",
]


@pytest.mark.skipif(sys.platform != "linux", reason="names that only Linux takes")
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_odd_names_stay(name: str, tmp_path: Path, unseg: Unseg) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    Image.fromarray(photo()).save(src / name)
    unharmed = Unharmed(src)
    assert unseg(src, dst) == 0
    unharmed.after(dst)
    unharmed.and_again(dst, unseg)
    assert unseg(src, dst, "--files-from", _list(tmp_path, name)) in ((0,) if "\n" not in name and name.strip() == name else (0, 2))


def _list(folder: Path, name: str) -> Path:
    path = folder / "list"
    path.write_text(f"{name}\n", encoding="utf-8")
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="names that only Linux takes")
def test_a_name_that_is_no_unicode(tmp_path: Path, unseg: Unseg) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    name = os.fsdecode(b"caf\xe9.png")
    Image.fromarray(photo()).save(src / name)
    unharmed = Unharmed(src)
    assert unseg(src, dst) == 0
    unharmed.after(dst)
    unharmed.and_again(dst, unseg)


def test_names_that_differ_in_case_alone_both_get_their_copies(tmp_path: Path, unseg: Unseg, unharmed: Unharmed) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    for number, name in enumerate(("A.png", "a.png", "a.PNG")):
        Image.fromarray(photo(number)).save(src / name)
    if len(list(src.iterdir())) < 3:
        pytest.skip("this disk does not tell them apart")
    Unharmed(src).and_again(dst, unseg)
    assert len({found for name, found in hashes(dst).items() if name.endswith(("png", "PNG"))}) == 3


def test_the_same_with_another_format(tmp_path: Path, unseg: Unseg) -> None:
    """A disk that does not tell a.jpg from A.jpg would have one copy in place of the other."""
    src, dst = tmp_path / "src", tmp_path / "dst"
    src.mkdir()
    for number, name in enumerate(("A.png", "a.bmp", "a.tif")):
        Image.fromarray(photo(number)).save(src / name)
    assert unseg(src, dst, "--format", "jpeg") == 0
    written = [name for name in hashes(dst) if name.endswith(".jpg")]
    assert len({name.casefold() for name in written}) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="names that only Linux takes")
def test_what_a_kill_leaves_of_a_long_name_is_swept(tmp_path: Path) -> None:
    store, name = LocalStore(tmp_path), "x" * 251 + ".png"
    parts: list[str] = []

    def killed(part: Path) -> None:
        part.write_bytes(b"half")
        parts.append(part.name)
        os.link(part, tmp_path / "copy")

    write_atomically(tmp_path / name, killed)
    (tmp_path / "copy").rename(tmp_path / parts[0])
    foreign = [".other.abcd1234.part.png", ".x.png", f".{'y' * 32}.abcd1234.part.png"]
    for other in foreign:
        (tmp_path / other).touch()
    store.sweep([name])
    assert sorted(os.listdir(tmp_path)) == sorted([name, *foreign])


class OneCase(LocalStore):
    """A disk that does not tell A.png from a.png, as those of Windows and macOS."""

    def __init__(self, root: Path, *, originals: Path | None = None) -> None:
        super().__init__(root, originals=originals)

    def _path(self, name: str) -> Path:
        return super()._path(name.lower())

    def exists(self, name: str) -> bool:
        return super().exists(name.lower())

    def tells_case(self) -> bool:
        return False


def test_names_that_the_disk_of_dst_does_not_tell_apart(
    tmp_path: Path, unseg: Unseg, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    for number, name in enumerate(("A.png", "a.PNG", "a.png", "B/c.png", "b/c.png")):
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(number)).save(src / name)
    before = hashes(src)
    if not LocalStore(tmp_path).tells_case():
        pytest.skip("this disk does not tell them apart")
    assert len(before) == 5
    monkeypatch.setattr("unseg_cli.protect.places.LocalStore", OneCase)
    assert unseg(src, dst) == 0
    assert "a.PNG: is written as a.PNG.PNG, since another picture takes the name a.PNG" in capsys.readouterr().err
    written = manifest_of(dst)
    assert sorted(written) == ["A.png", "B/c.png", "a.PNG.PNG", "a.png.2.png", "b/c.png.png"]
    there = {name: sha256 for name, sha256 in hashes(dst).items() if name.endswith(".png")}
    assert there == {name.lower(): sha256 for name, sha256 in written.items()}
    stamps = {path: path.stat().st_mtime_ns for path in dst.rglob("*.png")}
    assert unseg(src, dst) == 0
    assert {path: path.stat().st_mtime_ns for path in dst.rglob("*.png")} == stamps
    assert hashes(src) == before


def test_a_disk_is_asked_whether_it_tells_names_apart(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert LocalStore(tmp_path / "not" / "there").tells_case() is not (tmp_path / "A").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]

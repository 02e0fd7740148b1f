"""Which files count as pictures, and what is passed over, with counts."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from tests.links import link
from unseg_cli.pictures import names as names_module
from unseg_cli.pictures.names import Listing, is_picture_name, list_pictures, stays_inside, survey_pictures


@pytest.mark.parametrize("name", ["a.mpo", "A.MPO", "b.srw", "c.pef", "d.3fr", "e.heic", "f.jpg"])
def test_pictures_by_suffix(name: str) -> None:
    assert is_picture_name(Path(name))


@pytest.mark.parametrize("system", [PurePosixPath, PureWindowsPath])
def test_names_that_lead_out_are_known(system: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "PurePath", system)
    assert all(stays_inside(name) for name in ("a.jpg", "a/b.jpg", "a..b/c..jpg", ".a/b"))
    assert not any(stays_inside(name) for name in ("", "/a.jpg", "../a.jpg", "a/../../b.jpg", "a\0.jpg"))


@pytest.mark.parametrize("name", ["a\\..\\..\\b.jpg", "C:\\a.jpg", "C:/a.jpg", "C:a.jpg", "\\a.jpg", "\\\\host\\share\\a.jpg"])
def test_on_windows_backslashes_and_drives_lead_out_as_well(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "PurePath", PureWindowsPath)
    assert not stays_inside(name)


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for name in ("b.mpo", "a/c.png", ".hidden.jpg", "a/._c.png", "a/.notes", ".cache/x/d.webp", ".git/objects/readme.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    elsewhere.mkdir()
    (elsewhere / "e.jpg").write_bytes(b"")
    link(root / "linked", elsewhere)
    link(root / "f.jpg", elsewhere / "e.jpg")
    found = survey_pictures(root)
    assert found == Listing(names=("a/c.png", "b.mpo", "f.jpg"), hidden_pictures=2, hidden_folders=1, linked_folders=1)
    assert found.passed_over == "2 hidden pictures, 1 hidden folder with pictures and 1 linked folder"
    assert list_pictures(root) == list(found.names)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, ""),
        ({"hidden_pictures": 1}, "1 hidden picture"),
        ({"hidden_folders": 2}, "2 hidden folders with pictures"),
        ({"hidden_pictures": 3, "linked_folders": 4}, "3 hidden pictures and 4 linked folders"),
    ],
)
def test_words_for_what_was_passed_over(counts: dict[str, int], words: str) -> None:
    assert Listing(names=(), **counts).passed_over == words

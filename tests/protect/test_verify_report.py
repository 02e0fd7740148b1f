"""What `unseg verify` says of whole folders: strangers in DST, words instead of keys, lines for a page; each through the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.links import link
from tests.pictures.picture_makers import photo
from tests.protect.conftest import Protect
from unseg_cli.cli.app import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def trees(tmp_path: Path, run_protect: Protect) -> tuple[Path, Path]:
    """Three clean pictures, and the protected ones."""
    src, dst = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    for index, name in enumerate(("a.png", "b.bmp", "c.png")):
        Image.fromarray(np.roll(photo(48, 64), index, axis=1)).save(src / name)
    run_protect(src, dst)
    return src, dst


def said(capsys: Capture, *line: object) -> tuple[int, list[str]]:
    code = main(["verify", *map(str, line)])
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, printed.out.splitlines()


def test_a_good_folder_is_said_in_words(trees: tuple[Path, Path], capsys: Capture) -> None:
    code, lines = said(capsys, *trees)
    assert code == 0
    assert lines[0] == "3 pictures: 3 protected"
    assert lines[1].startswith("largest change 8/255, mean PSNR ")
    assert lines[3].split() == ["picture", "change", "in", "1/255", "PSNR", "SSIM", "result"]
    assert [line.split()[0] for line in lines[4:]] == ["a.png", "b.bmp", "c.png"]
    assert all(line.split()[1:4] == ["8", "of", "8"] and line.endswith("protected") for line in lines[4:])


def test_quiet_says_no_more_than_the_summary_and_problems(trees: tuple[Path, Path], capsys: Capture) -> None:
    code, lines = said(capsys, *trees, "-q")
    assert (code, len(lines)) == (0, 2)
    (trees[1] / "b.bmp").unlink()
    code, lines = said(capsys, *trees, "-q")
    assert code == 1
    assert lines[0] == "3 pictures: 2 protected, 1 missing"
    assert lines[-1].split() == ["b.bmp", "-", "-", "-", "is", "missing", "in", "DST"]
    assert not [line for line in lines if line.startswith(("a.png", "c.png"))]


def test_of_many_pictures_only_those_with_problems_are_listed(tmp_path: Path, run_protect: Protect, capsys: Capture) -> None:
    src, dst = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    for index in range(21):
        Image.fromarray(photo(16, 16)).save(src / f"{index:02}.png")
    run_protect(src, dst)
    shutil.copy(src / "07.png", dst / "07.png")
    code, lines = said(capsys, src, dst)
    assert code == 1
    assert lines[0] == "21 pictures: 20 protected, 1 not protected"
    assert [line for line in lines[4:] if line[:2].isdigit()] == lines[-1:]
    assert lines[-1].endswith("is not protected: it equals the clean picture")
    code, lines = said(capsys, src, dst, "--all-pictures")
    assert len([line for line in lines if line[:2].isdigit() and ".png" in line]) == 21
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(src / "01.png", few)
    run_protect(few, tmp_path / "few-out")
    assert len(said(capsys, few, tmp_path / "few-out", "--only-problems")[1]) == 2


@pytest.mark.parametrize("kind", ["bytes", "pixels"])
def test_a_clean_picture_in_dst_is_named(trees: tuple[Path, Path], capsys: Capture, kind: str) -> None:
    src, dst = trees
    (dst / "more").mkdir()
    if kind == "bytes":
        shutil.copy(src / "b.bmp", dst / "more" / "b.bmp")
    else:
        with Image.open(src / "b.bmp") as image:
            image.save(dst / "more" / "b.bmp.png")
    code, lines = said(capsys, src, dst)
    assert code == 1
    assert lines[-3] == "in DST, but of no picture in SRC: 1"
    assert lines[-2].startswith("more/b.bmp")
    assert lines[-1] == "    is a clean picture, not protected: it equals b.bmp of SRC"
    assert main(["verify", str(src), str(dst), "--json"]) == 1
    (stranger,) = json.loads(capsys.readouterr().out)["strangers"]
    assert (stranger["clean"], stranger["dst"]) == ("b.bmp", lines[-2])


def test_foreign_pictures_and_outputs_whose_source_is_gone_are_problems(trees: tuple[Path, Path], capsys: Capture) -> None:
    src, dst = trees
    Image.fromarray(255 - photo(48, 64)).save(dst / "foreign.png")
    (src / "c.png").unlink()
    code, lines = said(capsys, src, dst)
    assert code == 1
    assert lines[0] == "2 pictures: 2 protected"
    assert lines[-5:] == [
        "in DST, but of no picture in SRC: 2",
        "c.png",
        "    its clean picture c.png is no longer in SRC",
        "foreign.png",
        "    belongs to no picture of SRC, and the manifest does not know it",
    ]


def test_a_single_picture_has_no_strangers(trees: tuple[Path, Path], capsys: Capture) -> None:
    src, dst = trees
    code, lines = said(capsys, src / "a.png", dst)
    assert code == 0
    assert lines[0] == "1 picture: 1 protected"


def test_lines_keep_to_a_page_and_long_names_stay_whole(tmp_path: Path, run_protect: Protect, capsys: Capture) -> None:
    src, dst = tmp_path / "src", tmp_path / "out"
    long = "a folder/" * 9 + "with a long name/picture of a thing.png"
    (src / long).parent.mkdir(parents=True)
    for name in ("a.png", long):
        Image.fromarray(photo(32, 32)).save(src / name)
    run_protect(src, dst)
    for name in ("a.png", long):
        Image.fromarray(photo(32, 33)).save(dst / name)
    code, lines = said(capsys, src, dst)
    assert code == 1
    assert long in lines
    assert all(len(line) <= 100 for line in lines if line != long)
    assert "differs in size or kind" in " ".join(" ".join(lines).split())


def test_what_of_dst_is_not_looked_at_is_said(trees: tuple[Path, Path], tmp_path: Path, capsys: Capture) -> None:
    src, dst = trees
    shutil.copy(src / "a.png", dst / ".a.png")
    link(dst / "linked", src)
    assert main(["verify", str(src), str(dst), "-q"]) == 0
    assert capsys.readouterr().err == "warning: not looked at in DST: 1 hidden picture and 1 linked folder\n"


def test_originals_below_dst_are_no_strangers(trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    src, dst = trees
    shutil.move(src, dst / "clean")
    monkeypatch.chdir(dst)
    code, _ = said(capsys, dst / "clean", ".")
    assert code == 0
    link(dst / "x.png", dst / "clean" / "a.png")
    code, lines = said(capsys, dst / "clean", ".")
    assert code == 1
    assert "x.png" in lines

"""The page of `--report`: what was done to which picture, and nothing that would run or be fetched."""

from __future__ import annotations

import base64
import io
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from tests.protect.conftest import hashes, photo, rows
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Report
from unseg_cli.protect.results import report_page
from unseg_cli.protect.settings import Settings

Protect = Callable[..., Report]


class Page(HTMLParser):
    """The text, the pictures and everything with an address on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.rows = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.rows += tag == "tr"
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_it_says_what_was_done_and_shows_some_pictures(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    bad = "bad &lt.png" if sys.platform == "win32" else "bad <b>.png"  # whose names have no "<"
    (src / bad).write_bytes(b"no picture")
    report = run_protect(src, tmp_path / "out", report=tmp_path / "new" / "report.html")
    assert report.document["report"] == str(tmp_path / "new" / "report.html")
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    found = Page(page)
    assert "5 pictures, 5 of them by this run" in found.text
    assert "5 detected" in found.text
    assert f"{bad} is text, not a picture" in found.text
    assert len(found.images) == 5 * 3
    assert found.rows == 1 + 1 + 1 + 5
    clean, protected, noise = (_picture(image["src"]) for image in found.images[:3])
    assert clean.size == protected.size == noise.size == (64, 48)
    assert [image["alt"] for image in found.images[:3]] == ["clean: a.png", "protected: a.png", "noise: a.png"]
    assert {"script", "link", "iframe"}.isdisjoint(found.tags)
    assert not re.search(r'(src|href)=(?!"data:)', page)


def _picture(address: str | None) -> Image.Image:
    assert address is not None
    return Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))))


def test_pictures_of_an_earlier_run_are_on_it_and_changed_files_are_not_shown(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    page = tmp_path / "report.html"
    run_protect(src, tmp_path / "out", report=page)
    Image.fromarray(photo(9)).save(src / "a.png")
    run_protect(src, tmp_path / "out", report=page, exclude=("a.png",))
    found = Page(page.read_text(encoding="utf-8"))
    assert "4 pictures, 0 of them by this run" in found.text
    assert len(found.images) == 4 * 3


def test_of_many_pictures_some_are_shown_and_the_table_ends(
    src: Path, tmp_path: Path, run_protect: Protect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_page, "SHOWN", 2)
    monkeypatch.setattr(report_page, "LINES", 3)
    run_protect(src, tmp_path / "out", report=tmp_path / "report.html")
    found = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert [image["alt"] for image in found.images[::3]] == ["clean: a.png", "clean: sub/c.webp"]
    assert found.rows == 1 + 3
    assert "The other 2 are in the manifest." in found.text


def test_a_file_of_somebody_else_is_never_replaced(src: Path, tmp_path: Path, run_protect: Protect) -> None:
    index = src / "index.html"
    index.write_text("<html>my gallery</html>")
    before = hashes(src)
    for report in (index, src / "a.png", tmp_path / "report"):
        with pytest.raises(UsageProblem, match="--report"):
            run_protect(src, tmp_path / "out", report=report)
    assert hashes(src) == before
    assert not (tmp_path / "out").exists()
    run_protect(src, tmp_path / "out", report=index, overwrite=True)
    assert "5 pictures" in Page(index.read_text(encoding="utf-8")).text
    run_protect(src, tmp_path / "out", report=index)


@pytest.mark.parametrize(
    ("closely", "said"),
    [
        ((False, None), "a difference of 1.5 may be seen Size"),
        ((True, True), "a difference of 1.5 may be seen, no more at 200 % Size"),
        ((True, False), "a difference of 1.5 may be seen, no more at 200 %, in 1 picture Size"),
    ],
)
def test_it_says_how_closely_pictures_may_be_looked_at(
    closely: tuple[bool | None, ...], said: str, src: Path, tmp_path: Path, run_protect: Protect
) -> None:
    report = run_protect(src, tmp_path / "out")
    made = list(rows(tmp_path / "out").values())
    lines = [row | {"recipe": row["recipe"] | {"closely": one}} for row, one in zip(made, closely, strict=False)]
    assert said in Page(report_page.report_page(report, lines, Settings(), [])).text

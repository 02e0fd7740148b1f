"""The contact sheet: everything inside of it, least sure first, and never too large."""

from __future__ import annotations

import io
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.detect.conftest import Detect, WithConfidence, scene
from unseg_cli.detect import review, sheet
from unseg_cli.detect.review import Commands, kept_thumbnails, key_of, review_page
from unseg_cli.detect.thumbnail import LONGEST, MOST_BYTES, OUTLINE, thumbnail

COMMANDS = Commands(correct="unseg detect src masks --only", protect="unseg protect src DST --masks masks")


class Page(HTMLParser):
    """Names of the pictures with a thumbnail, in their order; everything that a page could fetch; tags that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.shown: list[tuple[str, str]] = []
        self.fetched: list[str] = []
        self.open: list[str] = []
        self._kind = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.fetched += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "action")]
        if tag == "figure":
            self._kind = found["class"] or ""
        if tag == "img":
            self.shown.append((found["alt"] or "", self._kind))
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(masks: Path) -> Page:
    return Page((masks / "review.html").read_text(encoding="utf-8"))


def test_least_sure_first_and_nothing_from_elsewhere(run_detect: Detect, src: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    odd = "&lt'd.png" if sys.platform == "win32" else "<b>&'d.png"  # Windows has no "<" in names
    Image.fromarray(scene(0.5)).save(src / odd)
    run_detect.finder = WithConfidence
    run_detect(src, masks, threshold=0.6)
    run_detect(src, masks, only=odd, box=(1, 1, 9, 9), threshold=0.6)
    page = page_of(masks)
    assert page.shown == [("sub/c.webp", "nothing"), ("sub/b.jpg", "unsure"), ("a.png", "sure"), (odd, "owner")]
    assert page.open == [] and all(one.startswith("data:image/jpeg;base64,") for one in page.fetched)
    text = (masks / "review.html").read_text(encoding="utf-8")
    assert "http" not in text and "url(" not in text and "@import" not in text
    assert "confidence 0.2" in text and "nothing found" in text and f"unseg protect {src} DST --masks {masks}" in text


def test_a_picture_is_not_drawn_again_while_it_stays_the_same(
    run_detect: Detect, src: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks, drawn = tmp_path / "masks", []
    run_detect(src, masks)
    first = (masks / "review.html").read_bytes()
    real = sheet.thumbnail
    monkeypatch.setattr(sheet, "thumbnail", lambda *given: drawn.append(1) or real(*given))
    run_detect(src, masks)
    assert (masks / "review.html").read_bytes() == first and not drawn
    # A sheet that was deleted comes back whole, and a run over one picture keeps the others on it.
    (masks / "review.html").unlink()
    run_detect(src, masks, only="a.png")
    assert (masks / "review.html").read_bytes().replace(b" only", b"") == first and len(drawn) == 3
    (src / "a.png").unlink()
    run_detect(src, masks)
    assert "a.png" in dict(page_of(masks).shown)  # kept from the sheet before
    (masks / "review.html").unlink()
    run_detect(src, masks)
    assert "a.png" not in dict(page_of(masks).shown)


def row_of(number: int, **changes: Any) -> Any:
    return {
        "src": f"folder/picture-{number:05}.jpg", "mask": f"folder/picture-{number:05}.png", "confidence": number / 10_000, "area": 0.25,
        "finder": "lite", "size": [6000, 4000], "src_sha256": f"{number:064x}", "mask_sha256": f"{number:064x}", **changes,
    }  # fmt: skip


def test_ten_thousand_pictures_are_a_page_that_a_browser_opens() -> None:
    rows = [row_of(number, src_sha256=f"{number:016x}" + "0" * 48) for number in range(10_000)]
    thumbnails = {key_of(row): os.urandom(1) * MOST_BYTES for row in rows}
    text = review_page(rows, thumbnails, threshold=0.8, commands=COMMANDS)
    assert len(text) < 48_000_000
    assert text.count("<img ") == review.SHOWN and text.count("<tr>") == 10_000 - review.SHOWN
    assert text.index("picture-00000.jpg") < text.index("picture-00001.jpg") < text.index("picture-02500.jpg")
    assert len(kept_thumbnails(text)) == review.SHOWN


def test_thumbnails_that_are_not_shown_do_not_fill_the_memory(
    run_detect: Detect, src: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "SHOWN", 2)
    monkeypatch.setattr(review, "SHOWN", 2)
    for number in range(8):
        Image.fromarray(scene(0.1 * number)).save(src / f"{number}.png")
    run_detect.finder = WithConfidence
    sizes: list[int] = []
    real = sheet.Sheet.add
    monkeypatch.setattr(sheet.Sheet, "add", lambda one, *given: (real(one, *given), sizes.append(len(one._drawn))))
    run_detect(src, tmp_path / "masks")
    assert max(sizes) <= 4
    assert [name for name, _ in page_of(tmp_path / "masks").shown] == ["0.png", "sub/c.webp"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 2), (256, 256), (700, 900)])
def test_a_thumbnail_is_small_whatever_the_picture(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    mask = np.zeros(shape, bool)
    mask[: shape[0] // 2] = True
    data = thumbnail(noise, mask)
    assert len(data) <= MOST_BYTES
    with Image.open(io.BytesIO(data)) as image:
        assert max(image.size) <= LONGEST and image.mode == "RGB"


def test_the_outline_goes_around_the_object_and_the_rest_is_darker() -> None:
    image, mask = np.full((100, 200, 3), 200, np.uint8), np.zeros((100, 200), bool)
    mask[30:70, 50:150] = True
    with Image.open(io.BytesIO(thumbnail(image, mask))) as opened:
        drawn = np.asarray(opened).astype(int)
    assert np.abs(drawn[50, 100] - 200).max() < 12 and drawn[10, 10].max() < 130
    assert np.abs(drawn[30, 100] - OUTLINE).max() < 60 and np.abs(drawn[50, 149] - OUTLINE).max() < 60
    with Image.open(io.BytesIO(thumbnail(image, np.zeros_like(mask)))) as opened:
        assert np.abs(np.asarray(opened).astype(int) - 200).max() < 12


def test_the_script_uses_nothing_from_elsewhere() -> None:
    from unseg_cli.detect.review_style import SCRIPT

    assert not re.search(r"fetch|XMLHttp|import|eval|localStorage|https?:", SCRIPT)

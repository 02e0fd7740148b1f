"""The page as a visitor uses it, in a browser without a window: from the upload to the zip."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.ui.conftest import serving
from unseg_cli.core.events import Events
from unseg_cli.protect.config import VerifyConfig
from unseg_cli.protect.results.faint import FAINT
from unseg_cli.protect.verification import verify

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: Nothing of Chromium's own goes over the network, either.
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
)
SECONDS = 40_000  # in thousandths: the longest that anything may take on a machine that is busy

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as (url, _):
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield opened
        opened.close()


class Visitor:
    """A page in the browser, and what it asked other machines for."""

    def __init__(self, browser: Any, address: str, width: int) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(SECONDS)
        self.asked: list[str] = []
        self.page.on("request", lambda one: self.asked.append(one.url))
        self.page.goto(address)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def read(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def shown(self, name: str) -> Any:
        """The large picture, once the file of this name has come: until then it keeps the size of the one before, and clicks miss."""
        picture = self.page.locator(f'#picture img[alt^="{name}"]')
        picture.scroll_into_view_if_needed()
        picture.evaluate("one => one.decode()")
        return picture

    def choose(self, *files: Path) -> None:
        self.page.locator("input[type=file]").first.set_input_files(list(files))
        for file in files:
            self.page.locator(f'td[aria-label="{file.name}"]').wait_for()


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def visitor(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Visitor]:
    one = Visitor(browser, address, request.param)
    yield one
    one.page.close()


@pytest.fixture
def pictures(photos: Path, tmp_path: Path) -> list[Path]:
    """Two photographs, one of them with a photographer's name in it."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x013B] = "Photographer"
    with Image.open(photos / "cat.jpg") as cat:
        cat.save(folder / "my cat.jpg", quality=92, exif=exif)
    shutil.copy(photos / "coffee.png", folder)
    return sorted(folder.iterdir())


def test_from_the_upload_to_the_zip(visitor: Visitor, pictures: list[Path], tmp_path: Path, address: str) -> None:
    page = visitor.page
    visitor.press("Find the objects")
    visitor.read("Nothing is chosen yet")
    visitor.choose(*pictures)
    visitor.press("Find the objects")
    visitor.read("What a click on the picture says")
    captions = page.locator("#outlines .caption-label")
    captions.nth(1).wait_for()
    assert sorted(text.split()[-1] for text in captions.all_inner_texts()) == ["cat.jpg", "coffee.png"]

    page.locator("#outlines button").filter(has_text="coffee.png").click()
    page.locator("p", has_text="coffee.png: ").wait_for()
    visitor.shown("coffee.png").click()
    visitor.read("coffee.png: outlined by you")

    page.locator("#outlines button").filter(has_text="my cat.jpg").click()
    page.locator("p", has_text="my cat.jpg: ").wait_for()
    visitor.press("The whole picture is the object")
    visitor.read("my cat.jpg: outlined by you")

    visitor.press("The lines are right")
    page.get_by_label("Hidden: nothing to be seen").check()
    visitor.press("Show me the chosen picture")
    visitor.read("my cat.jpg: largest change")
    visitor.press("Protect all pictures")
    visitor.read("2 of 2 pictures are protected.")
    said = "hardly any noise is left" in page.locator("body").inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the protected").or_(page.get_by_role("button", name="Download the protected")).first.click()
    download.value.save_as(tmp_path / "got.zip")

    zipfile.ZipFile(tmp_path / "got.zip").extractall(tmp_path / "got")
    lines = [json.loads(line) for line in (tmp_path / "got" / "unseg-manifest.jsonl").read_text().splitlines()]
    assert {row["src"]: row["mask_source"] for row in lines} == {"my cat.jpg": "file", "coffee.png": "file"}
    assert {row["recipe"]["closely"] for row in lines} == {True}
    assert said == any(row["noise_255"] < FAINT for row in lines)
    assert verify(VerifyConfig(src=pictures[0].parent, dst=tmp_path / "got"), Events()).exit_code == 0
    with Image.open(tmp_path / "got" / "my cat.jpg") as cat:
        assert cat.getexif()[0x013B] == "Photographer"
    assert [url for url in visitor.asked if not url.startswith((address, "data:", "blob:"))] == []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "the page is wider than the screen"


def test_without_a_mouse_and_what_screen_readers_read(visitor: Visitor, pictures: list[Path]) -> None:
    page = visitor.page
    visitor.choose(pictures[0])
    page.get_by_role("button", name="Find the objects").focus()
    page.keyboard.press("Enter")
    visitor.read("What a click on the picture says")
    assert page.locator("#picture img").get_attribute("alt").endswith("with the outline of its object")
    page.get_by_role("button", name="A box, without a mouse").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Right").fill("60")
    page.get_by_role("button", name="Use this box").focus()
    page.keyboard.press("Enter")
    visitor.read("outlined by you")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea')]
            .filter(one => one.offsetParent && one.type !== 'file' && !(one.innerText.trim() || one.getAttribute('aria-label')
                || one.labels?.length || one.title || one.closest('label') || one.querySelector('img[alt]:not([alt=""])')))
            .map(one => one.outerHTML.slice(0, 200))"""
    )
    assert unnamed == []


def test_a_bad_file_and_a_wrong_folder_are_said_beside_the_button(visitor: Visitor, pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("no picture")
    visitor.choose(pictures[0], tmp_path / "broken.jpg")
    visitor.press("Find the objects")
    visitor.read("What a click on the picture says")
    visitor.page.get_by_text("Pictures", exact=True).first.click()
    alert = visitor.page.get_by_role("alert").filter(has_text="broken.jpg: is text, not a picture")
    alert.first.wait_for()


def test_visitors_do_not_see_each_other(browser: Any, address: str, pictures: list[Path]) -> None:
    one, other = Visitor(browser, address, 1280), Visitor(browser, address, 1280)
    for visitor, picture in ((one, pictures[0]), (other, pictures[1])):
        visitor.choose(picture)
        visitor.press("Find the objects")
        visitor.read("What a click on the picture says")
    for visitor, name in ((one, pictures[0].name), (other, pictures[1].name)):
        texts = visitor.page.locator("#outlines .caption-label").all_inner_texts()
        assert len(texts) == 1 and texts[0].endswith(name)
        visitor.page.close()

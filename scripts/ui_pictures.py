#!/usr/bin/env python3
"""The pictures of docs/ui.md: the page's second and third step in a browser without a window, with three of the examples.

    python scripts/ui_pictures.py

It needs the extra `ui`, playwright, and a Chromium or Chrome of the system.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PICTURES = [ROOT / "examples" / "photos" / name for name in ("cat.jpg", "coffee.png", "astronaut.webp")]
SIZE = {"width": 1100, "height": 900}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: Nothing of the browser's own goes over the network.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def keep(page: Any, name: str) -> None:
    """What the page shows now, as docs/NAME."""
    page.wait_for_timeout(2_000)  # pictures fade in
    with Image.open(io.BytesIO(page.screenshot(full_page=True))) as shown:
        shown.convert("RGB").save(ROOT / "docs" / name, quality=85, optimize=True)
    print(f"wrote docs/{name}")


def main() -> None:
    """Run the script."""
    sys.path.insert(0, str(ROOT))
    from playwright.sync_api import sync_playwright

    from tests.ui.conftest import serving

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"there is no browser here: install one of {', '.join(BROWSERS)}")
    with serving() as (address, _), sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=browser, args=ARGUMENTS).new_page(viewport=SIZE)
        page.goto(address)
        page.locator("input[type=file]").first.set_input_files(PICTURES)
        for picture in PICTURES:
            page.locator(f'td[aria-label="{picture.name}"]').wait_for()
        page.get_by_role("button", name="Find the objects").click()
        page.get_by_text("What a click on the picture says").wait_for()
        page.locator("#outlines button").filter(has_text="coffee").click()
        page.get_by_text("coffee.png:").first.wait_for()
        keep(page, "ui.jpg")
        page.get_by_role("button", name="The lines are right").click()
        page.get_by_role("button", name="Show me the chosen picture").click()
        page.get_by_text("coffee.png: largest change").wait_for()
        keep(page, "ui-protect.jpg")


if __name__ == "__main__":
    main()

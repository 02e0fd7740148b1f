"""docs/cli.md says what the commands are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.cli_page import EVERYWHERE, cli_page
from tests.cli.test_options import commands
from tests.conftest import Page
from unseg_cli.cli.manual import MANUAL


@pytest.mark.skipif(sys.platform == "win32", reason="paths are written otherwise there")
def test_the_page_is_what_the_options_say(page: Page) -> None:
    page("docs/cli.md", cli_page(commands()))


def test_the_manual_is_about_commands_that_there_are() -> None:
    assert set(MANUAL) <= set(commands())


def test_the_page_has_every_option(root: Path) -> None:
    text = (root / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in commands().items():
        (section,) = [part for part in text.split("\n## ") if part.startswith(f"unseg {name}\n")]
        for one in (one for one in command.params if one.name not in EVERYWHERE):
            assert max(one.opts, key=len).removeprefix("--") in section.lower(), (name, one.name)

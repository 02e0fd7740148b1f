"""Each option of `unseg ui` changes how the page is served. One test an option, of its name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.effects.conftest import run, untested
from unseg_cli.ui.config import PASSWORD, UiConfig

Launched = Callable[..., dict[str, Any]]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    """What gradio is told to serve, until Ctrl-C at once."""
    told: dict[str, Any] = {}

    class Page:
        def queue(self, **_: Any) -> Page:
            return self

        def launch(self, **how: Any) -> tuple[None, str, None]:
            told.update(how)
            return None, "http://address/", None

        def close(self, **_: Any) -> None:
            pass

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    modules = {"unseg_cli.ui.page": SimpleNamespace(build_page=lambda folder: Page()), "unseg_cli.ui.controls": SimpleNamespace(LOOKS={})}
    for name, module in modules.items():
        monkeypatch.setitem(__import__("sys").modules, name, module)
    monkeypatch.setattr(threading.Event, "wait", interrupted)

    def launch(*line: str) -> dict[str, Any]:
        run("ui", *line)
        return told

    return launch


def test_every_option_has_a_test() -> None:
    assert untested(UiConfig, globals()) == set()


def test_host(launched: Launched) -> None:
    assert launched()["server_name"] == "127.0.0.1"
    assert launched("--host", "localhost")["server_name"] == "localhost"


def test_port(launched: Launched) -> None:
    assert launched("--port", "9000")["server_port"] == 9000


def test_no_browser(launched: Launched) -> None:
    assert launched()["inbrowser"] is True
    assert launched("--no-browser")["inbrowser"] is False


def test_share_on_network(launched: Launched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "open sesame")
    told = launched("--share-on-network", "--host", "0.0.0.0")
    assert (told["server_name"], told["auth"]) == ("0.0.0.0", ("unseg", "open sesame"))
    assert told["share"] is False  # of gradio's own tunnel

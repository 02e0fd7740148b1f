"""`unseg weights fetch` against a server that fails in every way a server can."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.generators import fetching
from unseg_cli.generators.fetching import weights_fetch
from unseg_cli.generators.files import PUBLISHED, Published, cache_dir
from unseg_cli.generators.shelf import weights_list, weights_path, weights_verify
from unseg_cli.generators.sums import read_sums
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.train.start import named_or_path

CONTENT = np.random.default_rng(0).bytes(3_300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "sam_vit_b"

pytestmark = pytest.mark.usefixtures("places")


@dataclass
class Server:
    """Answers with `CONTENT`, as it is told to.

    Attributes:
        cut: how many bytes each of the coming answers sends before it closes the connection; none left: all of them.
        ranges: whether it knows how to go on in the middle.
        status: of every answer, where it is no 200.
        pause: seconds between pieces.
        asked: where each request wanted to begin; None: no range was asked for.
    """

    url: str = ""
    content: bytes = CONTENT
    cut: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 200
    length: bool = True
    pause: float = 0.0
    asked: list[int | None] = field(default_factory=list)

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """One request."""
        stated = request.headers.get("Range")
        begin = int(stated.removeprefix("bytes=").removesuffix("-")) if stated else None
        self.asked.append(begin)
        if self.status != 200:
            request.send_error(self.status)
            return
        begin = begin if self.ranges and begin else 0
        if begin >= len(self.content):
            request.send_error(416)
            return
        request.send_response(206 if begin else 200)
        if self.length:
            request.send_header("Content-Length", str(len(self.content) - begin))
        request.end_headers()
        rest = self.content[begin:]
        rest = rest[: self.cut.pop(0)] if self.cut else rest
        with contextlib.suppress(ConnectionError):  # whoever asked has gone
            for place in range(0, len(rest), 1 << 19):
                request.wfile.write(rest[place : place + (1 << 19)])
                time.sleep(self.pause)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    told = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{listening.server_port}/files/weights.pth"
    monkeypatch.setitem(PUBLISHED, NAME, Published(url=told.url, sha256=SHA256, what="a stand-in"))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield told
    listening.shutdown()
    listening.server_close()


def here() -> Path:
    return cache_dir() / f"{NAME}.pth"


def nothing_else() -> None:
    assert here().read_bytes() == CONTENT
    assert sorted(path.name for path in cache_dir().iterdir()) == ["SHA256SUMS", f"{NAME}.pth"]


class Told(Events):
    def __init__(self) -> None:
        self.total: int | None = None
        self.done = self.begun = 0

    def start(self, total: int | None, what: str, *, done: int = 0) -> None:
        self.total, self.begun = total, done

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n


def test_it_is_fetched_checked_and_known_by_its_name(server: Server) -> None:
    events = Told()
    document = weights_fetch(NAME, events).document
    assert document == {
        "schema": 1, "command": "weights fetch", "name": NAME, "path": str(here()), "bytes": len(CONTENT), "sha256": SHA256,
        "fetched": True,
    }  # fmt: skip
    nothing_else()
    assert (events.total, events.begun, events.done) == (3, 0, 3)
    assert read_sums(cache_dir()) == {here().name: SHA256}
    assert weights_path(NAME).document["path"] == str(here()) == str(named_or_path(NAME))
    assert all(row["status"] == "ok" for row in weights_verify().document["files"])
    (row,) = [row for row in weights_list(Events()).document["weights"] if row["name"] == NAME]
    assert (row["use"], row["status"]) == ("checkpoint", "imported")


def test_what_is_there_is_not_fetched_again_and_what_was_changed_is(server: Server) -> None:
    weights_fetch(NAME, Events())
    assert weights_fetch(NAME, Events()).document["fetched"] is False
    assert len(server.asked) == 1
    here().write_bytes(b"changed")
    assert weights_fetch(NAME, Events()).document["fetched"] is True
    nothing_else()


def test_a_connection_that_breaks_is_gone_on_with(server: Server) -> None:
    server.cut = [1_000_000, 700_000]
    weights_fetch(NAME, Events())
    nothing_else()
    assert server.asked == [None, 1_000_000, 1_700_000]


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.cut = [100_000] * fetching.ATTEMPTS
    with pytest.raises(EnvironmentProblem, match=f"{fetching.ATTEMPTS} times") as caught:
        weights_fetch(NAME, Events())
    assert "try again later with the same command" in caught.value.hint
    assert not here().exists()
    events = Told()
    weights_fetch(NAME, events)
    nothing_else()
    assert server.asked[-1] == 100_000 * fetching.ATTEMPTS


def test_a_server_that_cannot_go_on_in_the_middle_starts_again(server: Server) -> None:
    server.ranges, server.cut = False, [2_000_000]
    weights_fetch(NAME, Events())
    nothing_else()


def test_a_server_that_does_not_say_how_long_it_is(server: Server) -> None:
    server.length = False
    weights_fetch(NAME, Events())
    nothing_else()


def test_all_of_it_had_arrived_before_the_kill(server: Server) -> None:
    cache_dir().mkdir(parents=True)
    (cache_dir() / f"{NAME}.pth.part").write_bytes(CONTENT)
    weights_fetch(NAME, Events())
    nothing_else()


@pytest.mark.parametrize("change", [lambda data: data[:-1] + b"?", lambda data: data[: len(data) // 2]])
def test_another_file_is_refused_and_removed(change: Callable[[bytes], bytes], server: Server) -> None:
    server.content = change(CONTENT)
    with pytest.raises(EnvironmentProblem, match=r"is not the file that was asked for: its SHA-256 is"):
        weights_fetch(NAME, Events())
    assert list(cache_dir().iterdir()) == []


@pytest.mark.parametrize(("status", "words"), [(404, "404 Not Found"), (403, "403 Forbidden"), (500, "500 Internal Server Error")])
def test_a_server_that_has_nothing_is_said(status: int, words: str, server: Server) -> None:
    server.status = status
    with pytest.raises(EnvironmentProblem, match=words) as caught:
        weights_fetch(NAME, Events())
    assert "--url" in caught.value.hint
    assert len(server.asked) == 1, "asking again would not help"


def test_slow_is_no_failure_and_silence_is_one(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    server.pause = 0.1
    weights_fetch(NAME, Events())
    nothing_else()
    here().unlink()
    monkeypatch.setattr(fetching, "ATTEMPTS", 2)
    server.pause = 1.5
    with pytest.raises(EnvironmentProblem, match="2 times"):
        weights_fetch(NAME, Events())


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "ATTEMPTS", 2)
    with pytest.raises(EnvironmentProblem, match="Connection refused, 2 times"):
        weights_fetch("other", Events(), url="http://127.0.0.1:9/x.pth", sha256=SHA256)


def test_a_full_disk_is_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def full(path: Path, mode: str = "r", *more: object, **named: object) -> object:
        if path.name.endswith(".part"):
            raise OSError(28, "No space left on device")
        return opened(path, mode, *more, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(EnvironmentProblem, match="No space left on device") as caught:
        weights_fetch(NAME, Events())
    assert "UNSEG_HOME" in caught.value.hint


def test_two_at_once_are_refused(server: Server) -> None:
    with LocalStore(cache_dir()).locked(), pytest.raises(EnvironmentProblem, match="another run of unseg is writing"):
        weights_fetch(NAME, Events())


def test_other_files_need_an_address_and_a_hash(server: Server) -> None:
    document = weights_fetch("mae", Events(), url=server.url, sha256=SHA256.upper()).document
    assert Path(document["path"]).read_bytes() == CONTENT
    for given, words in (
        ({}, "is not among the files"),
        ({"url": server.url}, "is not among the files"),
        ({"url": "ftp://host/file", "sha256": SHA256}, "is no web address"),
        ({"url": server.url, "sha256": "12"}, "is no SHA-256"),
    ):
        with pytest.raises(UsageProblem, match=words):
            weights_fetch("other", Events(), **given)
    with pytest.raises(UsageProblem, match="cannot name a weights file"):
        weights_fetch("../other", Events(), url=server.url, sha256=SHA256)
    with pytest.raises(UsageProblem, match="is not that of sam_vit_b"):
        weights_fetch(NAME, Events(), sha256="0" * 64)


def test_the_shapes_of_addresses_and_hashes() -> None:
    for published in PUBLISHED.values():
        assert published.url.startswith("https://") and len(published.sha256) == 64

"""Who may open the page, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.ui.conftest import serving
from unseg_cli.cli.app import main
from unseg_cli.ui.config import PASSWORD


@pytest.mark.parametrize(
    ("line", "password", "message", "hint"),
    [
        (["--host", "0.0.0.0"], "secret", "would open the page to other machines", "--share-on-network"),
        (["--host", "192.168.0.1"], "", "would open the page to other machines", "--share-on-network"),
        (["--host", "0.0.0.0", "--share-on-network"], "", f"needs a password in {PASSWORD}", "export"),
    ],
)
def test_nobody_else_gets_in_by_accident(
    line: list[str], password: str, message: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PASSWORD, password)
    assert main(["ui", "--no-browser", *line]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ") and message in first
    assert second.startswith("hint: ") and hint in second
    assert not password or password not in first + second


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run([sys.executable, "-m", "unseg_cli", "ui", "--no-browser", "--port", str(port)], check=False)
    assert done.returncode == 4
    first, second = capfd.readouterr().err.splitlines()
    assert first.startswith(f"error: nothing can listen at 127.0.0.1:{port}")
    assert second == "hint: is it running already? else pass another --port"


@pytest.mark.slow
def test_the_page_asks_for_the_password_where_there_is_one() -> None:
    with serving(**{PASSWORD: "open sesame"}) as (url, _):
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(f"{url}gradio_api/info")
        assert refused.value.code == 401
        refused.value.close()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    def left() -> list[str]:
        return [path.name for path in tmp_path.iterdir() if path.name.startswith("unseg-ui-")]

    with serving("--json", TMPDIR=str(tmp_path)) as (url, process):
        with urllib.request.urlopen(url) as answer:
            assert "unseg: protect your pictures" in answer.read().decode()
        assert len(left()) == 1
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert json.loads(output) == {"schema": 1, "command": "ui", "url": url}
    assert "Traceback" not in errors
    assert left() == []

"""The generator that visitors share, and pictures that they upload."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from unseg_cli.core.events import Events
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.ui.work import Work


@pytest.fixture(scope="session")
def session() -> Session:
    return Session(open_runtime("lite", device="cpu"))


@pytest.fixture
def uploads(photos: Path, tmp_path: Path) -> list[tuple[Path, str]]:
    """Two photographs as a server keeps them, and the names that they had."""
    found = []
    for number, name in enumerate(("cat.jpg", "coffee.png")):
        shutil.copy(photos / name, tmp_path / f"upload-{number}")
        found.append((tmp_path / f"upload-{number}", name))
    return found


@pytest.fixture
def work(session: Session, uploads: list[tuple[Path, str]], tmp_path: Path) -> Work:
    """A visitor whose objects were found."""
    made = Work.of_uploads(session, tmp_path, uploads)
    made.find_objects(Events())
    return made


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def serving(*line: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`unseg ui` in a process of its own (what gradio leaves open would be warnings here), once it listens: its address."""
    port = free_port()
    command = [sys.executable, "-m", "unseg_cli", "ui", "--no-browser", "--port", str(port), *line]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        assert process.stderr is not None
        said = next(process.stderr)
        assert f"http://127.0.0.1:{port}/" in said, said
        try:
            yield f"http://127.0.0.1:{port}/", process
        finally:
            process.terminate()

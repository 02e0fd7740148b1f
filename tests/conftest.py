"""What every test gets: few threads, fixed seeds, a cache folder of its own, no UNSEG_ settings from outside."""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
#: `make docs` sets it: pages that tests make are written instead of compared. (Read here, since no test sees a UNSEG_ variable.)
WRITE_DOCS = bool(os.environ.get("UNSEG_WRITE_DOCS"))
Page = Callable[..., None]

# Timing depends on the machine, examples must not: the same ones on every run, and no folder written for them.
settings.register_profile(
    "unseg", deadline=None, derandomize=True, database=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unseg")


def pytest_configure() -> None:
    """Two threads, what the smallest supported machine has, or one where several processes share the tests.

    A shell has what it starts in the background ignore Ctrl-C, and so would the commands that tests send it to.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, os.cpu_count() or 1))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in [name for name in os.environ if name.startswith("UNSEG_") and name != "UNSEG_SHARED"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UNSEG_HOME", str(tmp_path_factory.getbasetemp() / "unseg-home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def page(root: Path) -> Page:
    """Compares a page of the documents with what a test has made of it, or writes it for `make docs`.

    With `but_for` what the expression matches does not count: numbers that are a little different on other machines.
    """

    def compare(name: str, text: str, but_for: str = "(?!)") -> None:
        path = root / name
        if WRITE_DOCS:
            path.write_text(text, encoding="utf-8")
        found, wanted = (re.sub(but_for, "...", page) for page in (path.read_text(encoding="utf-8"), text))
        assert found == wanted, f"{name} is stale: run `make docs`"

    return compare


@pytest.fixture(scope="session")
def photos() -> Path:
    """The example pictures."""
    return ROOT / "examples" / "photos"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference numbers and real data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("UNSEG_SHARED", ROOT.parent / "shared"))
    if not (folder / "design").is_dir() and not (folder / "reference").is_dir():
        pytest.skip("no reference folder (UNSEG_SHARED or ../shared)")
    return folder

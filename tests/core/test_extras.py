"""The line that installs a missing package names the environment that unseg runs in."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from unseg_cli.core.extras import how_to_install, install_line


@pytest.fixture
def with_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


@pytest.mark.usefixtures("with_pip")
def test_in_an_environment_that_was_entered_pip_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "prefix", "/home/ann/project/.venv")
    monkeypatch.setenv("VIRTUAL_ENV", "/home/ann/project/.venv")
    assert how_to_install("ray") == 'pip install "unseg_cli[ray]"'


@pytest.mark.usefixtures("with_pip")
def test_in_the_python_of_the_system_pip_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert install_line("pillow-heif") == "pip install pillow-heif"


@pytest.mark.usefixtures("with_pip")
@pytest.mark.parametrize("entered", ["", "/home/ann/other/.venv"])
def test_elsewhere_the_python_of_unseg_is_named(entered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pipx has it: `pip` would install into another environment, and the message would come again."""
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "prefix", "/home/ann b/pipx/venvs/unseg-cli")
    monkeypatch.setattr(sys, "executable", "/home/ann b/pipx/venvs/unseg-cli/bin/python")
    monkeypatch.setenv("VIRTUAL_ENV", entered)
    quote = '"' if os.name == "nt" else "'"
    assert install_line("pillow-heif").endswith(f"/bin/python{quote} -m pip install pillow-heif")


def test_without_pip_uv_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `uv tool install` and `uv venv` have it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "executable", "/home/ann/.local/share/uv/tools/unseg-cli/bin/python")
    expected = 'uv pip install --python /home/ann/.local/share/uv/tools/unseg-cli/bin/python "unseg_cli[bench]"'
    assert how_to_install("torchmetrics", "bench") == expected


def test_the_summary_of_runs_needs_no_pytorch(root: Path) -> None:
    code = """
import sys
sys.modules["torch"] = None  # as if it were not installed
import unseg_cli.bench.summary.run
"""
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)

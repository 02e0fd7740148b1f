"""Each option of `unseg bench report` changes what it writes. One test an option, of its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.summary.test_summary import row, write_run
from tests.cli.effects.conftest import run, untested
from unseg_cli.bench.summary.config import ReportConfig


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", [row("clean", 0, 70), row("protected", 0, 14)])


def test_every_option_has_a_test() -> None:
    assert untested(ReportConfig, globals()) == set()


def test_it_is_a_command_of_bench(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("bench", "report", finished)
    run("bench-report", finished)
    assert "it has lost 80 %" in Path("report.html").read_text()


def test_out(finished: Path, tmp_path: Path) -> None:
    run("bench", "report", finished, "--out", tmp_path / "other.html")
    assert (tmp_path / "other.html").stat().st_size > 1000


def test_markdown(finished: Path, tmp_path: Path) -> None:
    run("bench", "report", finished, "--out", tmp_path / "a.html", "--markdown", tmp_path / "a.md")
    assert (tmp_path / "a.md").read_text().startswith("<!-- unseg bench report -->")


def test_overwrite(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("mine")
    run("bench", "report", finished, "--out", tmp_path / "a.html", code=2)
    run("bench", "report", finished, "--out", tmp_path / "a.html", "--overwrite")
    assert "it has lost 80 %" in (tmp_path / "a.html").read_text()

"""The comparison of two versions of `unseg protect` by their speed: who is run when, and what is printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import compare_speed
import pytest

from unseg_cli.core.errors import UnsegError


def test_versions_take_turns_and_the_first_round_does_not_count(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    turns: list[str] = []

    def rate(code: Path, pictures: Path, generator: str) -> float:
        turns.append(code.name)
        return {"old": 2.0, "new": 3.0}[code.name] + (len(turns) <= 2) * 100

    monkeypatch.setattr(compare_speed, "rate_of", rate)
    found = compare_speed.rates({"before": Path("old"), "now": Path("new")}, Path("p"), "lite", 3)
    assert turns == ["old", "new"] * 4
    assert found == {"before": [2.0] * 3, "now": [3.0] * 3}
    monkeypatch.setattr(compare_speed, "ROOT", Path("new"))
    monkeypatch.setattr(compare_speed, "checkout", lambda commit: compare_speed.contextmanager(lambda: iter([Path("old")]))())
    compare_speed.print_rates(SimpleNamespace(rounds=1, against="abc", pictures=Path("p"), generator="lite"))
    before, now, ratio = capsys.readouterr().out.splitlines()
    assert before.split()[:2] == ["abc", "2.000"] and now.split()[:2] == ["now", "3.000"]
    assert ratio.split() == ["ratio", "1.500"]


def test_the_rate_is_that_of_the_checkout_asked_for(tmp_path: Path) -> None:
    package = tmp_path / "unseg_cli"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import sys, json\nassert sys.argv[1] == 'protect'\nprint(json.dumps({'images_per_second': 7.5}))")
    assert compare_speed.rate_of(tmp_path, tmp_path, "lite") == 7.5
    (package / "__main__.py").write_text("import sys\nsys.exit('no weights')")
    with pytest.raises(UnsegError, match="ended with 1: no weights"):
        compare_speed.rate_of(tmp_path, tmp_path, "lite")


def test_an_old_commit_is_checked_out_and_removed(root: Path) -> None:
    if not (root / ".git").exists():
        pytest.skip("no git checkout")
    head = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    with compare_speed.checkout(head) as code:
        assert (code / "unseg_cli" / "__init__.py").read_bytes()
    assert not code.exists()
    with pytest.raises(UnsegError, match="nonsense cannot be checked out"), compare_speed.checkout("nonsense"):
        pass


def test_a_commit_without_rate_only_is_an_error(root: Path) -> None:
    command = [sys.executable, str(root / "scripts" / "bench_speed.py"), "--against", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--against goes with --rate-only" in done.stderr

"""The rooms stay small enough to find one's way in: short modules, few files in a folder, nothing loose at the top."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "unseg_cli"
LONGEST, FULLEST = 300, 15
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name not in ("__pycache__", "weights"))


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def test_no_module_is_long() -> None:
    lengths = {path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_no_folder_is_full() -> None:
    counts = {folder: len(list(folder.glob("*.py"))) for folder in {path.parent for path in modules()}}
    assert {folder.name: count for folder, count in counts.items() if count > FULLEST} == {}


def test_nothing_lies_loose_at_the_top() -> None:
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "py.typed"}  # type checkers look for the last one there and nowhere else


def test_nothing_but_the_project_lies_in_the_repository() -> None:
    if not (PACKAGE.parent / ".git").exists():
        pytest.skip("no git checkout")
    command = ["git", "-C", str(PACKAGE.parent), "ls-tree", "--name-only", "HEAD"]
    top = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    folders = {"unseg_cli", "weights", "tests", "examples", "docs", "scripts", "docker", ".ci", ".github"}
    files = {"pyproject.toml", "constraints.txt", "README.md", "Makefile", "CHANGELOG.md", "LICENSE", "NOTICE"}
    assert set(top) == folders | files | {".gitignore", ".gitattributes"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_is_for_and_has_tests(room: str) -> None:
    assert (PACKAGE / room / "__init__.py").read_text(encoding="utf-8").startswith('"""')
    assert list((PACKAGE.parent / "tests" / room).rglob("test_*.py")), f"no tests/{room}/"


def test_kinds_of_generators_are_told_apart_by_what_they_can_do() -> None:
    """Whoever asks for the class of a generator shuts every later kind out."""
    asked = [path.name for path in modules() if "isinstance(generator" in path.read_text(encoding="utf-8").replace("self.", "")]
    assert asked == []

"""Dockerfiles and the workflow name what is there. (Neither runs here.)"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

DOCKERFILES = ("cpu", "cuda")


def lines_of(root: Path, name: str) -> list[str]:
    text = (root / "docker" / f"{name}.Dockerfile").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_is_made_of_what_the_repository_holds(name: str, root: Path) -> None:
    copied = set()
    for line in lines_of(root, name):
        if line.startswith("COPY "):
            *sources, _ = shlex.split(line)[1:]
            assert all((root / source).exists() for source in sources), line
            copied |= set(sources)
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    named = {"README.md", "LICENSE", "NOTICE"}  # the build reads them
    assert all(f'"{file}"' in project for file in named)
    assert copied >= {"pyproject.toml", "constraints.txt", "unseg_cli", "weights", *named}
    (install,) = [line for line in lines_of(root, name) if "pip install" in line]
    extras = set(re.findall(r"\[([a-z,]+)\]", install)[0].split(",")) if "[" in install else set()
    assert extras == ({"train", "bench"} if name == "cuda" else set())


def test_the_workflow_tests_every_supported_python_as_ci_does(root: Path) -> None:
    workflow = (root / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    supported = re.findall(r"Python :: (3\.\d+)", (root / "pyproject.toml").read_text(encoding="utf-8"))
    for matrix in re.findall(r"python: \[(.+)\]", workflow):
        assert re.findall(r"3\.\d+", matrix) == supported
    assert "make test" in workflow and "make test" in (root / ".ci" / "run").read_text(encoding="utf-8")
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for command in ("ruff check .", "ruff format --check .", "mypy", "lint-imports", "python -m pytest"):
        assert f"- run: {command}" in workflow and f"$(BIN)/{command}" in makefile

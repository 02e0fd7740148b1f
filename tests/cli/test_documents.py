"""What README, examples and docs say is true: commands parse, files exist, code runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Stand
from unseg_cli.cli.app import main

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "examples/README.md", "CHANGELOG.md", "docs/how-it-works.md", "docs/decisions.md", "docs/results.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def shell_lines() -> list[str]:
    """Every line of the shell blocks of README and examples, and whole commands between backticks."""
    lines = []
    for name in ("README.md", "examples/README.md"):
        for block in re.findall(r"```sh\n(.*?)```", text(name), flags=re.DOTALL):
            lines += block.splitlines()
        lines += [code for code in re.findall(r"`(unseg [^`]+)`", text(name)) if "COMMAND" not in code]
    return [line for line in lines if line.strip()]


def test_the_three_commands_are_there() -> None:
    started = {" ".join(line.split()[:2]) for line in shell_lines()}
    assert {"unseg protect", "unseg bench", "unseg train", "unseg verify", "unseg doctor", "make demo", "make test"} <= started


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("unseg ")])
def test_commands_are_understood(line: str, stand: Stand) -> None:
    for command in ("protect", "verify", "train", "bench", "doctor"):
        stand(command)
    assert main(shlex.split(line, comments=True)[1:]) == 0


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("make ")])
def test_targets_exist(line: str) -> None:
    target = shlex.split(line, comments=True)[1]
    assert re.search(rf"^{target}:.*## ", text("Makefile"), flags=re.MULTILINE)


def test_files_that_commands_name_exist() -> None:
    for line in shell_lines():
        for word in shlex.split(line, comments=True):
            if word.startswith("examples/"):
                assert (ROOT / word).exists(), line


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text(name)):
        assert ((ROOT / name).parent / target).exists(), target


def test_files_that_how_it_works_names_exist() -> None:
    here = {path.name for folder in ("unseg_cli", "scripts") for path in (ROOT / folder).rglob("*.py")}
    named = set(re.findall(r"[a-z_0-9]+\.py", text("docs/how-it-works.md")))
    assert named
    assert named <= here


def test_how_it_works_names_every_module_at_the_top() -> None:
    page = text("docs/how-it-works.md")
    unnamed = [path.name for path in (ROOT / "unseg_cli").glob("*.py") if not path.name.startswith("__") and path.name not in page]
    assert unnamed in ([], ["protect_extras.py"])


@pytest.mark.slow
def test_the_python_of_the_readme_runs(photos: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", text("README.md"), flags=re.DOTALL)
    with Image.open(photos / "photographer.png") as picture:
        picture.load()
    names = {"picture": picture}
    exec(code, names)
    protected = names["protected"]
    assert (protected.mode, protected.size) == (picture.mode, picture.size)
    assert protected.tobytes() != picture.tobytes()

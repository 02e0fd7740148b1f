"""What README, examples and docs say is true: commands parse, files exist, code runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import WORKFLOWS, Stand
from unseg_cli.cli.app import main

ROOT = Path(__file__).resolve().parents[2]
WITH_COMMANDS = ["README.md", "docs/using.md", "docs/cli.md", "docs/ui.md", "docs/scaling.md", "examples/README.md"]
DOCUMENTS = [
    *WITH_COMMANDS,
    "CHANGELOG.md",
    "docs/data.md",
    "docs/paper.md",
    "docs/formats.md",
    "docs/how-it-works.md",
    "docs/decisions.md",
    "docs/results.md",
    "docs/results_runs.md",
    "docs/results_tried.md",
    "weights/MODEL_CARD.md",
]
#: Words that the project does not use, and what it says instead.
WORDS = {
    r"\bfinds\b(?! (it|the|such|noise|no|objects|what|out|little)\b)": "detections",
    r"beside the (object|mask)": "outside the object",
    r"washed": "countermeasure or defence",
    r"\bthie(f|ves)\b": "attacker",
    r"leaves? .{0,20}\baway\b": "omit",
    r"\bgive (another )?--": "pass --",
}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def shell_lines() -> list[str]:
    """Every line of the shell blocks of the pages for users, and whole commands between backticks."""
    lines = []
    for name in WITH_COMMANDS:
        for block in re.findall(r"```sh\n(.*?)```", text(name), flags=re.DOTALL):
            lines += block.splitlines()
        if name != "docs/cli.md":  # where such are help texts
            lines += [code for code in re.findall(r"`((?:unseg|make) [^`]+)`", text(name)) if "COMMAND" not in code]
    return [line for line in lines if line.strip()]


def test_the_three_commands_are_there() -> None:
    started = {" ".join(line.split()[:2]) for line in shell_lines()}
    assert {"unseg protect", "unseg bench", "unseg train", "unseg verify", "unseg doctor", "make demo", "make test"} <= started


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("unseg ")])
def test_commands_are_understood(line: str, stand: Stand) -> None:
    for command in WORKFLOWS:
        if line.startswith(f"unseg {command}"):
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


def test_readme_is_short_and_shows_a_picture() -> None:
    """Three minutes for a photographer: at most ten rows of results, and all else in docs/."""
    page = text("README.md")
    table = page.partition("<!-- table")[2].partition("<!-- end of table")[0]
    assert len(page.replace(table, "").split()) < 850
    assert 1 <= len([line for line in table.splitlines() if line.startswith("| ")]) - 2 <= 10
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page)
    with Image.open(ROOT / picture) as shown:
        assert shown.width > 2 * 400
    assert (ROOT / picture).stat().st_size < 300_000


@pytest.mark.parametrize("name", [*WITH_COMMANDS, "docs/data.md", "docs/how-it-works.md", "weights/MODEL_CARD.md"])
def test_the_vocabulary_is_kept(name: str) -> None:
    for pattern, instead in WORDS.items():
        found = re.search(pattern, text(name))
        assert found is None, f"{found[0]!r}: say {instead}"


def test_files_that_how_it_works_names_exist() -> None:
    here = {path.name for folder in ("unseg_cli", "scripts") for path in (ROOT / folder).rglob("*.py")}
    named = set(re.findall(r"[a-z_0-9]+\.py", text("docs/how-it-works.md")))
    assert named
    assert named <= here


def test_paths_that_how_it_works_names_exist() -> None:
    paths = re.findall(r"\b((?:[a-z_]+/)+[a-z_0-9]+\.py)", text("docs/how-it-works.md"))
    assert len(paths) > 60
    assert [path for path in paths if not (ROOT / "unseg_cli" / path).is_file() and not (ROOT / path).is_file()] == []


def test_how_it_works_names_every_room() -> None:
    rooms = [path.parent.name for path in (ROOT / "unseg_cli").glob("*/__init__.py")]
    unnamed = [room for room in rooms if f"{room}/" not in text("docs/how-it-works.md")]
    assert unnamed == []
    assert [path.name for path in (ROOT / "unseg_cli").glob("*.py")] in (["__init__.py", "__main__.py"], ["__main__.py", "__init__.py"])


@pytest.mark.slow
def test_the_python_of_the_page_runs(photos: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", text("docs/using.md"), flags=re.DOTALL)
    with Image.open(photos / "coffee.png") as picture:
        picture.load()
    names = {"picture": picture}
    exec(code, names)
    protected = names["protected"]
    assert (protected.mode, protected.size) == (picture.mode, picture.size)
    assert protected.tobytes() != picture.tobytes()

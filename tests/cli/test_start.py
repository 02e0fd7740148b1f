"""Starting the program: quick, light, and by every name."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

import unseg_cli
from unseg_cli.cli.app import main

HEAVY = ("torch", "torchvision", "numpy", "PIL", "timm", "segment_anything", "transformers", "matplotlib")


def python(code: str, *arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["protect", "--help"], ["detect", "--help"], ["weights", "--help"], ["bench", "--nonsense"]]
)
def test_nothing_heavy_is_imported_to_say_what_there_is(arguments: list[str], root: Path) -> None:
    code = (
        "import sys; from unseg_cli.cli.app import main; main(sys.argv[1:]); "
        f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    done = python(code, *arguments, root=root)
    assert done.stderr.splitlines()[-1] == "[]"


def test_importing_the_package_imports_nothing_heavy_and_knows_its_names(root: Path) -> None:
    code = f"""
import sys, unseg_cli
unseg_cli.NoiseBudget(4/255, 1/255)
assert not [m for m in {HEAVY} if m in sys.modules], sys.modules.keys()
assert set(unseg_cli.__all__) <= set(dir(unseg_cli))
"""
    done = python(code, root=root)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("package", "names"),
    [
        ("unseg_cli", ("NoiseBudget", "Session", "load_generator", "open_runtime", "protect_image")),
        ("unseg_cli.detect", ("detect",)),
        ("unseg_cli.protect", ("protect", "protect_bytes", "protect_image", "verify")),
    ],
)
def test_every_public_name_is_there(package: str, names: tuple[str, ...]) -> None:
    module = importlib.import_module(package)
    assert set(names) <= set(module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)
    assert all(callable(getattr(module, name)) for name in names)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="protect_imagge"):
        unseg_cli.protect_imagge  # noqa: B018


def test_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"unseg {unseg_cli.__version__}\n"
    try:
        installed = importlib.metadata.version("unseg_cli")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the rest needs an installed package")
    assert installed == unseg_cli.__version__


def test_no_command_prints_the_help_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    listing = capsys.readouterr().out
    for command in ("protect", "detect", "verify", "train", "bench", "doctor", "victims", "weights"):
        assert f"\n  {command} " in listing


def test_an_environment_variable_called_version_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNSEG_VERSION", "1.2.3")
    assert main(["protect", "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: unseg protect")


def test_bench_without_a_package_of_its_extra_ends_before_anything_is_trained(root: Path, tmp_path: Path) -> None:
    code = """
import sys
sys.modules["matplotlib"] = None  # as if it were not installed
from unseg_cli.cli.app import main
sys.exit(main(["bench", "--out", sys.argv[1]]))
"""
    done = python(code, str(tmp_path / "run"), root=root)
    assert done.returncode == 4
    assert "matplotlib is not installed" in done.stderr and '"unseg_cli[bench]"' in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("words", "completed"), [("unseg prot", "protect"), ("unseg protect --str", "--strength")])
def test_a_shell_can_complete_commands_and_options(words: str, completed: str, root: Path) -> None:
    environment = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "_UNSEG_COMPLETE": "complete_bash"}
    code = "import sys; sys.argv = ['unseg']; from unseg_cli.cli.app import run; run()"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [completed], done.stderr

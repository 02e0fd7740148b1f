"""The wheel holds what an installed `unseg` needs, and the constraints file nothing but names and versions."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from unseg_cli.core.extras import EXTRAS
from unseg_cli.generators import files as checkpoints

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def build(kind: str, source: Path, out: Path) -> Path:
    """Build a "wheel" or an "sdist"."""
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", root, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_package_weights_licence_and_script(wheel: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    modules = {path.relative_to(root).as_posix() for path in (root / "unseg_cli").rglob("*.py")}
    weights = {
        f"unseg_cli/weights/{path.relative_to(root / 'weights').as_posix()}" for path in (root / "weights").rglob("*") if path.is_file()
    }
    assert modules | weights | {"unseg_cli/py.typed"} <= names
    assert {"unseg_cli/weights/lite.safetensors", "unseg_cli/weights/u2netp.safetensors"} <= names
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}
    assert "unseg = unseg_cli.cli.app:run" in entry_points
    assert not [name for name in names if name.startswith(("tests/", "examples/", "docs/", "weights/"))]


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, root: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", root, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "source", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (source,) = (tmp_path / "source").iterdir()
    again = build("wheel", source, tmp_path / "again")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert {entry.filename: entry.CRC for entry in other.infolist()} == {entry.filename: entry.CRC for entry in one.infolist()}


@pytest.fixture
def tool(wheel: Path, root: Path, tmp_path: Path) -> Path:
    """The `unseg` that `uv tool install` puts among a user's programs, with nothing but the core beside it."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("needs uv")
    environment = {**os.environ, "UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    line = [str(uv), "tool", "install", "--offline", "--python", sys.executable, "--constraints", str(root / "constraints.txt"), str(wheel)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=tmp_path)
    if done.returncode and ("network was disabled" in done.stderr or "cache" in done.stderr):
        pytest.skip("the packages are not in uv's cache")
    assert done.returncode == 0, done.stderr
    return tmp_path / "bin" / "unseg"


def test_installed_as_a_tool_it_protects_pictures(tool: Path, root: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for line in (["doctor"], ["protect", str(root / "examples" / "photos"), "out"], ["verify", str(root / "examples" / "photos"), "out"]):
        done = subprocess.run([str(tool), *line], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([str(tool), "train", "--data", "synthetic"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 4 and '"unseg_cli[train]"' in done.stderr


def test_an_installed_package_finds_its_weights(wheel: Path, tmp_path: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    # The module as it lies in the wheel; what it imports may come from the checkout.
    spec = importlib.util.spec_from_file_location("installed_checkpoints", tmp_path / "unseg_cli" / "generators" / "files.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    assert module.shipped_weights_dir() == tmp_path / "unseg_cli" / "weights"
    assert checkpoints.shipped_weights_dir() == root / "weights"


def requirement_names(project: dict[str, list[str]] | list[str]) -> set[str]:
    lines = project if isinstance(project, list) else [line for extra in project.values() for line in extra]
    return {re.split(r"[<>=!~;\[ ]", line)[0].lower().replace("_", "-") for line in lines}


def test_constraints_hold_a_version_of_everything_and_nothing_else(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [line for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[A-Za-z0-9.]+( ; [a-zA-Z0-9_.'<>=! *()]+)?", line) for line in lines)
    wanted = requirement_names(project["dependencies"]) | requirement_names(project["optional-dependencies"])
    assert wanted - {"unseg-cli"} <= {line.partition("==")[0] for line in lines}


def test_the_core_is_what_protecting_needs(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = requirement_names(project["dependencies"])
    assert not core & {"transformers", "segmentation-models-pytorch", "matplotlib", "scipy", "pycocotools"}
    extras = project["optional-dependencies"]
    assert set(extras) == {"torch", "bench", "train", "ray", "ui", "dev"}


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_table_of_extras_is_that_of_pyproject(extra: str, root: Path) -> None:
    """What `doctor` looks for and what messages propose must be what is installed."""
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(extras) - {"dev"}
    wanted = requirement_names(extras[extra])
    if extra not in ("torch", "ray"):
        assert "unseg-cli" in wanted and "unseg_cli[torch]" in extras[extra]
        wanted = wanted - {"unseg-cli"} | requirement_names(extras["torch"])
    assert set(EXTRAS[extra].values()) == wanted
    for module, package in EXTRAS[extra].items():
        # Of its own files: Python 3.10 knows no package's modules that does not list them.
        assert module in {file.parts[0].partition(".")[0] for file in importlib.metadata.files(package) or ()}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch brings no CUDA libraries")
@pytest.mark.parametrize(
    ("driver", "answers", "asked"),
    [
        (False, "cpu plain", ["cpu"]),
        (False, "plain", ["cpu", "plain"]),  # the CPU build cannot be had: the ordinary one
        (False, "", ["cpu", "plain", "pip"]),  # nothing that uv reaches
        (True, "cpu plain", ["plain"]),
    ],
)
def test_make_installs_without_cuda_where_there_is_no_gpu(driver: bool, answers: str, asked: list[str], root: Path, tmp_path: Path) -> None:
    tools, bin = tmp_path / "tools", tmp_path / "venv" / "bin"
    scripts = {
        bin / "uv": 'kind=plain; for word in "$@"; do if [ "$word" = --torch-backend=cpu ]; then kind=cpu; fi; done; echo $kind >> "$LOG"\n'
        f'case " {answers} " in *" $kind "*) exit 0 ;; esac; exit 1\n',
        bin / "python": 'case "$*" in *install*) echo pip >> "$LOG" ;; esac\n',
    }
    if driver:
        scripts[tools / "nvidia-smi"] = "exit 0\n"
    (tmp_path / "venv" / ".stamps").mkdir(parents=True)
    (tmp_path / "venv" / ".stamps" / "venv").touch()
    tools.mkdir()
    for path, text in scripts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
        path.chmod(0o755)
    if not driver and shutil.which("nvidia-smi"):
        pytest.skip("this machine has an NVIDIA driver")
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "LOG": str(tmp_path / "log"), "PIP_INDEX_URL": ""}
    stamp = tmp_path / "venv" / ".stamps" / "core"
    done = subprocess.run(["make", f"VENV={tmp_path / 'venv'}", str(stamp)], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "log").read_text(encoding="utf-8").split() == asked


def test_ci_runs_the_tests_and_nothing_else(root: Path) -> None:
    script = root / ".ci" / "run"
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]
    assert os.access(script, os.X_OK) or sys.platform == "win32"

"""`unseg doctor`: each check reports what is really there, and one that fails does not hide the others."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.core.events import Events
from unseg_cli.core.extras import EXTRAS
from unseg_cli.doctor import checks as doctor_checks
from unseg_cli.doctor.checks import doctor
from unseg_cli.generators.sums import record_sum


class Fake:
    """A runtime whose detections are the test's business."""

    device, library = "cpu", "a library"
    spec = SimpleNamespace(image_size=32)

    def __init__(self, answer: float = 0.5) -> None:
        self.answer = answer

    def embed(self, frames: np.ndarray) -> np.ndarray:
        assert frames.shape == (1, 3, 32, 32)
        return frames

    def detect(self, embedding: np.ndarray) -> np.ndarray:
        return np.linspace(-self.answer, self.answer, 64).reshape(1, 1, 8, 8)


@pytest.fixture(autouse=True)
def healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where all is well: weights with their hash, an empty cache, a CPU."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for name in ("lite", "u2netp"):
        (shipped / f"{name}.safetensors").write_bytes(b"weights")
        record_sum(shipped / f"{name}.safetensors")
    monkeypatch.setenv("UNSEG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("unseg_cli.doctor.checks.shipped_weights_dir", lambda: shipped)
    monkeypatch.setattr("unseg_cli.generators.files.shipped_weights_dir", lambda: shipped)
    monkeypatch.setattr(doctor_checks, "open_runtime", lambda name: Fake())
    return shipped


def checks() -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in doctor(Events()).document["checks"]}


def test_a_healthy_machine_passes(tmp_path: Path) -> None:
    report = doctor(Events())
    found = {check["name"]: check for check in report.document["checks"]}
    assert report.document["schema"] == 1
    assert report.document["command"] == "doctor"
    assert report.exit_code == 0
    assert all(set(check) == {"name", "status", "detail", "hint"} for check in found.values())
    assert {"python", "torch", "cpu", "cuda", "codec jpeg", "codec heif", "weights lite", "weights vit_b", "forward pass", "cache"} <= {
        name.replace(":0", "") for name in found
    }
    assert not [check for check in found.values() if check["status"] == "problem"]
    assert " s a picture on " in found["forward pass"]["detail"]
    assert not (tmp_path / "home").exists()  # looking leaves nothing behind


def test_problems_come_with_a_hint_and_exit_code_4(healthy: Path) -> None:
    (healthy / "lite.safetensors").write_bytes(b"tampered")
    report = doctor(Events())
    assert report.exit_code == 4
    (problem,) = [check for check in report.document["checks"] if check["status"] == "problem"]
    assert problem["name"] == "weights lite"
    assert "hash" in problem["detail"]
    assert problem["hint"]


def test_absent_weights_are_a_problem(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (healthy / "lite.safetensors").unlink()
    (healthy / "u2netp.safetensors").unlink()
    (healthy / "SHA256SUMS").unlink()

    def refuse(name: str) -> Fake:
        raise EnvironmentProblem("the weights are not here", hint="reinstall")

    monkeypatch.setattr(doctor_checks, "open_runtime", refuse)
    found = checks()
    assert [found[f"weights {name}"]["status"] for name in ("lite", "u2netp")] == ["problem"] * 2
    assert found["forward pass"] == {"name": "forward pass", "status": "problem", "detail": "the weights are not here", "hint": "reinstall"}
    assert found["cache"]["status"] == "ok"  # the checks after it still answer


@pytest.mark.parametrize("answer", [float("nan"), 0.0])
def test_senseless_detections_are_a_problem(monkeypatch: pytest.MonkeyPatch, answer: float) -> None:
    monkeypatch.setattr(doctor_checks, "open_runtime", lambda name: Fake(answer))
    assert checks()["forward pass"]["status"] == "problem"


def test_a_check_that_falls_over_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(name: str) -> Fake:
        raise RuntimeError("CUDA error: no kernel image\nsecond line")

    monkeypatch.setattr(doctor_checks, "open_runtime", fall)
    assert checks()["forward pass"]["detail"] == "RuntimeError: CUDA error: no kernel image"


def test_a_cache_that_cannot_be_written_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("UNSEG_HOME", str(tmp_path / "file" / "home"))
    found = checks()["cache"]
    assert found["status"] == "problem"
    assert "UNSEG_HOME" in found["hint"]


@pytest.mark.parametrize(("extra", "module"), [(extra, module) for extra, modules in EXTRAS.items() for module in modules])
def test_every_absent_package_of_an_extra_is_a_warning_that_names_the_install(
    extra: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == module else find_spec(name, *rest))
    found = {check.name: check for check in doctor_checks.check_extras()}
    assert found[f"extra {extra}"].status == "warning"
    assert EXTRAS[extra][module] in found[f"extra {extra}"].detail
    assert f"unseg_cli[{extra}]" in found[f"extra {extra}"].hint
    others = [check.status for name, check in found.items() if module not in EXTRAS[name.removeprefix("extra ")]]
    assert set(others) <= {"ok"}


@pytest.mark.parametrize(("version", "status"), [((3, 9, 1), "problem"), ((3, 10, 0), "ok"), ((3, 13, 2), "ok"), ((3, 99, 0), "warning")])
def test_the_python_version_is_judged(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], status: str) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    (check,) = doctor_checks.check_python()
    assert check.status == status


def test_a_broken_codec_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> int:
        if name == "WEBP":
            raise OSError("encoder error")
        return 200 if name == "PNG" else 0

    monkeypatch.setattr(doctor_checks, "round_trip", broken)
    found = {check.name: check for check in doctor_checks.check_codecs()}
    assert found["codec webp"].status == "problem"
    assert found["codec png"].status == "problem"
    assert found["codec jpeg"].status == "ok"


def test_every_codec_round_trips_here() -> None:
    for name, tolerance in doctor_checks.CODECS.items():
        list(doctor_checks.check_codecs())  # registers HEIF
        assert doctor_checks.round_trip(name) <= tolerance


def test_the_shipped_generator_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = checks()["forward pass"]
    assert found["status"] == "ok" and (" on cpu, in ONNX Runtime" in found["detail"] or "PyTorch" in found["detail"])

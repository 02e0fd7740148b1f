"""Which processors run the second finder in 8-bit integers."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.generators.runtimes import integers
from unseg_cli.generators.runtimes.integers import PRODUCTS, adds_up, multiplies_integers


@pytest.mark.parametrize(
    ("text", "can"),
    [("flags\t: fpu avx2 avx512f", False), ("flags\t: fpu avx2 avx_vnni sha", True), ("Features\t: fp asimd asimddp", True)],
)
def test_linux_lists_what_a_processor_can_do(text: str, can: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integers.sys, "platform", "linux")
    monkeypatch.setattr(integers.Path, "read_text", lambda path, **_: text)
    assert multiplies_integers() is can


@pytest.mark.parametrize(("system", "machine"), [("darwin", "arm64"), ("win32", "ARM64")])
def test_arm_can_on_other_systems(system: str, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integers.sys, "platform", system)
    monkeypatch.setattr(integers.platform, "machine", lambda: machine)
    assert multiplies_integers()


@pytest.mark.parametrize("sums_are_right", [True, False])
def test_where_nothing_is_listed_the_runtime_is_asked(sums_are_right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(path: Path, **_: object) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(integers.sys, "platform", "win32")
    monkeypatch.setattr(integers.platform, "machine", lambda: "AMD64")
    monkeypatch.setattr(integers.Path, "read_text", nothing)
    monkeypatch.setattr(integers, "adds_up", lambda: sums_are_right)
    assert multiplies_integers() is sums_are_right


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="only Linux lists it, and only x86 overflows")
def test_the_runtime_and_the_list_agree() -> None:
    assert adds_up() is multiplies_integers()


def test_a_changed_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = integers.shipped_weights_dir()
    (tmp_path / "SHA256SUMS").write_bytes((shipped / "SHA256SUMS").read_bytes())
    (tmp_path / PRODUCTS).write_bytes((shipped / PRODUCTS).read_bytes() + b"\0")
    monkeypatch.setattr(integers, "shipped_weights_dir", lambda: tmp_path)
    with pytest.raises(EnvironmentProblem, match="was changed"):
        adds_up()

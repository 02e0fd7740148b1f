"""Going on with what arrives: each picture once, when it is whole, and again when it was changed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import unseg_cli.protect.run as workflow
from tests.protect.conftest import Protect, Recorder, photo, rows
from unseg_cli.core.errors import UsageProblem
from unseg_cli.protect.engines.watch import PAUSE, REST, Stamp, arriving
from unseg_cli.protect.jobs import Job

A, B = Job(name="a", dst_name="a"), Job(name="b", dst_name="b")


class Interrupted(Exception):
    """Ends the endless."""


def rounds(*looks: dict[Job, Stamp]) -> list[list[Job]]:
    """What is handed out over these looks."""
    remaining = iter(looks)

    def look() -> dict[Job, Stamp]:
        for found in remaining:
            return found
        raise Interrupted

    found: list[list[Job]] = []
    try:
        for jobs in arriving(look, sleep=lambda seconds: None):
            found.append(list(jobs))
    except Interrupted:
        return found
    raise AssertionError("it has ended by itself")


def test_a_file_is_handed_out_once_it_stops_growing() -> None:
    assert rounds({A: (1,)}) == []
    assert rounds({A: (1,)}, {A: (2,)}, {A: (3,), B: (1,)}, {A: (3,), B: (1,)}, {A: (3,), B: (1,)}) == [[A, B]]


def test_a_changed_file_comes_again_and_one_that_came_back_too() -> None:
    still = {A: (1,)}
    assert rounds(still, still, still, {A: (2,)}, {A: (2,)}, {A: (2,)}) == [[A], [A]]
    assert rounds(still, still, {}, {}, still, still) == [[A], [A]]


def test_looking_never_takes_more_than_a_small_share_of_the_time() -> None:
    ticks, slept = count(step=5), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        next(arriving(dict, sleep=sleep, clock=lambda: float(next(ticks))))
    assert slept == [5 * REST] * 3
    slept.clear()
    with pytest.raises(Interrupted):
        next(arriving(dict, sleep=sleep, clock=lambda: 0.0))
    assert slept == [PAUSE] * 3


@pytest.fixture
def happenings(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens between one look and the next; Ctrl-C where nothing is left to happen."""
    waiting: list[Callable[[], object]] = []

    def sleep(seconds: float) -> None:
        if not waiting:
            raise KeyboardInterrupt
        waiting.pop(0)()

    def arriving_quickly(look: Callable[[], Any]) -> Iterator[Any]:
        return arriving(look, sleep=sleep)

    monkeypatch.setattr(workflow, "arriving", arriving_quickly)
    return waiting


def nothing() -> None:
    """Happens."""


def test_pictures_that_arrive_are_protected_and_ctrl_c_ends_with_a_report(
    tmp_path: Path, run_protect: Protect, events: Recorder, happenings: list[Callable[[], object]]
) -> None:
    src, out = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    happenings += [
        nothing,
        lambda: Image.fromarray(photo(0)).save(src / "a.png"),
        nothing,
        lambda: (src / "bad.png").write_bytes(b"no picture"),
        nothing,
        lambda: Image.fromarray(photo(1)).save(src / "a.png"),
        lambda: Image.fromarray(photo(2)).save(src / "b.jpg"),
        nothing,
    ]
    report = run_protect(src, out, watch=True, report=tmp_path / "report.html")
    assert (report.document["protected"], report.document["failed"], report.exit_code) == (3, 1, 1)
    assert {name: row["status"] for name, row in rows(out).items()} == {"a.png": "protected", "b.jpg": "protected", "bad.png": "failed"}
    assert events.infos[0].startswith(f"watching {src}")
    assert "a.png" in (tmp_path / "report.html").read_text()
    again = run_protect(src, out, include=("*.png", "*.jpg"), exclude=("bad.png",))
    assert again.document["skipped"] == 2


def test_a_mask_that_arrives_later_protects_anew(tmp_path: Path, run_protect: Protect, happenings: list[Callable[[], object]]) -> None:
    src, masks, out = tmp_path / "src", tmp_path / "masks", tmp_path / "out"
    src.mkdir()
    masks.mkdir()
    Image.fromarray(photo(0)).save(src / "a.png")
    sources: list[str] = []
    happenings += [
        nothing,
        lambda: sources.append(rows(out)["a.png"]["mask_source"]),
        lambda: Image.fromarray(photo(0)[..., 0] > 100).save(masks / "a.png"),
        nothing,
    ]
    run_protect(src, out, masks=masks, watch=True)
    assert [*sources, rows(out)["a.png"]["mask_source"]] == ["auto", "file"]


@pytest.mark.parametrize(
    "more", [{"limit": 3}, {"dry_run": True}, {"fail_fast": True}, {"files_from": "list"}, {"masks": Path("no folder")}]
)
def test_what_does_not_go_with_it_is_refused(more: dict[str, Any], src: Path, tmp_path: Path, run_protect: Protect) -> None:
    with pytest.raises(UsageProblem, match="--watch"):
        run_protect(src, tmp_path / "out", watch=True, **more)
    with pytest.raises(UsageProblem, match="--watch needs folders"):
        run_protect(src / "a.png", tmp_path / "out", watch=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_the_command_watches_and_is_ended_by_ctrl_c(photos: Path, tmp_path: Path) -> None:
    src, out = tmp_path / "src", tmp_path / "out"
    src.mkdir()
    command = [sys.executable, "-m", "unseg_cli", "protect", str(src), str(out), "--watch", "--json", "-v"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "watching" in next(process.stderr)
        shutil.copy(photos / "cat.jpg", src)
        assert "cat.jpg" in next(process.stderr)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
    assert process.returncode == 0
    assert json.loads(output)["protected"] == 1
    assert (out / "cat.jpg").is_file()

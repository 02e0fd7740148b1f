"""The command in a process of its own: signals, a real terminal with its progress bar, and a reader that goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.progress import Progress

from unseg_cli.cli.console import rate_of

SLOW = """
import os, signal, sys, time, types
from unseg_cli.core.events import Report

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background hands down an ignored SIGINT

def protect(config, events, processes):
    events.start(20, "protecting")
    print("started", flush=True)
    for _ in range(20):
        time.sleep(float(os.environ["PAUSE"]))
        events.advance(note="a.jpg")
    events.stop()
    return Report(document={"schema": 1, "command": "x", "done": "all"})

sys.modules["unseg_cli.protect.run"] = types.SimpleNamespace(protect=protect)
from unseg_cli.cli.app import run
sys.argv = ["unseg", "protect", "in", "out", *sys.argv[1:]]
run()
"""


def environment(root: Path, pause: float, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root), "PAUSE": str(pause), "TERM": "xterm", "COLUMNS": "120", **more}


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
def test_control_c_ends_with_130_and_says_how_to_go_on(root: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(root, 30)
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines() == ["error: interrupted", "hint: finished pictures stay; run the same command again to protect the rest"]


def on_terminal(root: Path, *arguments: str, **more: str) -> str:
    """What a terminal would show of stderr."""
    leader, follower = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments], stdout=subprocess.PIPE, stderr=follower, env=environment(root, 0.05, **more)
    )
    os.close(follower)
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        shown += piece
    out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == 0
    assert "done" in out.decode()
    return shown.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX terminals")
def test_a_terminal_gets_a_progress_bar_with_rate_and_time_left(root: Path) -> None:
    shown = on_terminal(root)
    assert "protecting" in shown
    assert "pictures/s" in shown
    assert "ETA" in shown
    assert "/20" in shown
    assert "pictures/s" not in on_terminal(root, "--quiet")


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX terminals")
def test_a_terminal_sees_something_before_the_workflow_starts_counting(root: Path) -> None:
    shown = on_terminal(root)
    assert "loading" in shown
    assert shown.index("loading") < shown.index("protecting")


def test_the_rate_is_that_of_all_the_time_since_the_start() -> None:
    """Two batches of four in eight seconds are one picture a second, at whatever instant they were counted."""
    now = 100.0
    with Progress(get_time=lambda: now, disable=True) as progress:
        task = progress.add_task("protecting", total=20, completed=2, done=2)
        assert rate_of(progress.tasks[0]) is None
        for _ in range(2):
            now += 4
            for _ in range(4):
                progress.advance(task, 1)
        assert rate_of(progress.tasks[0]) == 1.0


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX terminals")
def test_no_color_is_honoured(root: Path) -> None:
    colour = "\x1b[3"
    assert colour not in on_terminal(root, NO_COLOR="1")
    assert colour in on_terminal(root, NO_COLOR="")


def test_no_terminal_gets_no_progress_bar(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, text=True, env=environment(root, 0), timeout=60, check=True)
    assert done.stderr == "started\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX pipes")
def test_a_reader_that_goes_away_is_no_traceback(root: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(root, 0))
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert "Traceback" not in said
    assert "BrokenPipe" not in said

"""Processes that do one kind of work: what comes back, what happens when one is lost, and that none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from unseg_cli.core.parallel import processes
from unseg_cli.core.parallel.processes import LostProcesses, Processes, elsewhere, worth_starting

ROOT = Path(__file__).resolve().parents[3]


def prepared(task: dict[str, Any]) -> Callable[[int], tuple[int, int]]:
    """What the tests have done elsewhere: the prepared number plus the job's, and by whom."""
    begun = time.monotonic_ns()

    def work(job: int) -> tuple[int, int]:
        if job == task.get("dies at"):
            os._exit(3)
        if job == task.get("raises at"):
            raise ValueError("no such number")
        time.sleep(task.get("seconds", 0))
        assert begun  # prepared once, not for each job
        return task["plus"] + job, os.getpid()

    return work


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie that nobody waits for has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_work_is_done_elsewhere_and_comes_back() -> None:
    with Processes(prepared, {"plus": 10, "seconds": 0.2}, count=2) as pool, ThreadPoolExecutor(2) as threads:
        came = list(threads.map(pool.do, range(6)))
    assert [number for number, _ in came] == [10, 11, 12, 13, 14, 15]
    pids = {pid for _, pid in came}
    assert os.getpid() not in pids and 1 <= len(pids) <= 2
    assert all(gone(pid) for pid in pids)


def test_what_the_work_raises_comes_back_and_the_next_job_is_done() -> None:
    with Processes(prepared, {"plus": 0, "raises at": 1}, count=1) as pool:
        with pytest.raises(ValueError, match="no such number"):
            pool.do(1)
        assert pool.do(2)[0] == 2


def test_a_process_that_ends_is_said_and_the_others_with_it() -> None:
    with Processes(prepared, {"plus": 0, "dies at": 1}, count=1) as pool:
        assert pool.do(0)[0] == 0
        for job in (1, 2):
            with pytest.raises(LostProcesses):
                pool.do(job)


def test_a_system_without_processes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no semaphores here")

    monkeypatch.setattr(processes, "ProcessPoolExecutor", refuse)
    with pytest.raises(LostProcesses, match="no semaphores"):
        Processes(prepared, {}, count=1)
    with elsewhere(prepared, {}, str, count=2) as do:
        assert do(3) == "3"


def here(job: int) -> tuple[int, int]:
    return -job, os.getpid()


def test_what_a_lost_process_leaves_is_done_here() -> None:
    said: list[str] = []
    with elsewhere(prepared, {"plus": 10, "dies at": 2}, here, count=2, say=said.append) as do:
        assert do(1)[0] == 11 and not said
        assert [do(job) for job in (2, 1)] == [(-2, os.getpid()), (-1, os.getpid())]
    assert said == ["a process was lost: going on in this one"]


def test_few_jobs_are_done_here() -> None:
    assert (worth_starting(23, 2), worth_starting(24, 2), worth_starting(1000, 8)) == (0, 2, 8)
    for count in (0, 1):
        with elsewhere(prepared, {"plus": 10}, here, count=count) as do:
            assert do is here


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_does_not_end_what_is_being_done() -> None:
    with Processes(prepared, {"plus": 5, "seconds": 1}, count=1) as pool, ThreadPoolExecutor(1) as threads:
        pid = pool.do(0)[1]
        waiting = threads.submit(pool.do, 1)
        time.sleep(0.2)
        os.kill(pid, signal.SIGINT)
        assert waiting.result() == (6, pid)


PARENT = """
from tests.core.parallel.test_processes import prepared
from unseg_cli.core.parallel.processes import Processes

if __name__ == "__main__":
    with Processes(prepared, {"plus": 0, "seconds": 0}, count=1) as pool:
        print(pool.do(1)[1], flush=True)
        input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_they_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, str(script)], text=True, env=environment, **pipes) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
    until = time.monotonic() + 20
    while not gone(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert gone(child)

"""`unseg protect` in a process of its own, watched: when its first file is there, when it ends, and how much memory it holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from compare_speed import LIMIT, ROOT

from unseg_cli.core.errors import UnsegError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True, kw_only=True)
class Done:
    """A command that has run: what it printed, the seconds to its first file and to its end, and the most memory it held, in bytes."""

    document: dict[str, float]
    first: float
    seconds: float
    memory: int


def held(pid: int) -> int:
    """The most bytes that a running process and those that it has started ever held, added up; 0 where the system does not tell.

    What Linux tells of one that has ended may be what its parent held when it began.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        own = next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
        children = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    except OSError:
        return 0
    return own + sum(map(held, children))


def protect(src: Path, dst: Path, *options: str, only_core: bool = False) -> Done:
    """Run `unseg protect` in a process of its own and watch it.

    Raises:
        UnsegError: it did not end well.
    """
    command = [sys.executable, "-m", "unseg_cli", "protect", str(src), str(dst), "--device", "cpu", "--quiet", "--json", *LIMIT, *options]
    if only_core and (taskset := shutil.which("taskset")):
        command = [taskset, "-c", "0", *command]
    began, first, memory = time.perf_counter(), 0.0, 0
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        running = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err, text=True)
        while True:
            memory = max(memory, held(running.pid))
            ended, status, usage = os.wait4(running.pid, os.WNOHANG)
            if not first and dst.is_dir() and any(path.suffix in SUFFIXES for path in dst.rglob("*")):
                first = time.perf_counter() - began
            if ended:
                break
            time.sleep(0.005 if not first else 0.05)
        running.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        out.seek(0)
        err.seek(0)
        if running.returncode:
            raise UnsegError(f"`unseg protect` ended with {running.returncode}: {err.read().strip()[-500:]}")
        return Done(document=json.loads(out.read()), first=first, seconds=seconds, memory=memory or usage.ru_maxrss)

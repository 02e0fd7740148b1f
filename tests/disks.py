"""Memory as a disk of its own, of a few megabytes, that can be full."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(where: Path, size: str) -> Iterator[Path]:
    """Mounted at `where` for as long as the block runs; `size` as `mount` takes it. The test is skipped where nothing can be mounted."""
    where.mkdir()
    if shutil.which("mount") is None:  # Windows
        pytest.skip("nothing can be mounted here")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)

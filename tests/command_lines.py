"""What a terminal makes of a line that is printed to be copied."""

from __future__ import annotations

import os
import shlex


def words_of(line: str) -> list[str]:
    """Its words; in those of Windows a backslash is one."""
    return shlex.split(line.replace("\\", r"\\") if os.name == "nt" else line)

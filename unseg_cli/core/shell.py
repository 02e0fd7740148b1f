"""Command lines to be copied into a terminal, as the shells of this system take them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable

WINDOWS = os.name == "nt"
_PLAIN = re.compile(r"[\w+=:./\\-]+")


def quoted(word: object, *, windows: bool = WINDOWS) -> str:
    """One word of a command line, which names of files that others chose cannot make two of, nor a command of its own.

    Args:
        word: a path, or whatever else is written as text.
        windows: whether Command Prompt and PowerShell are to take it, and not a POSIX shell. Those know no single quotes, and what
            PowerShell would work out inside of double ones.
    """
    text = str(word)
    if not windows:
        return shlex.quote(text)
    if _PLAIN.fullmatch(text):
        return text
    return '"' + re.sub(r"([`$])", r"`\1", text).replace('"', r"\"") + '"'


def command_of(words: Iterable[object], *, windows: bool = WINDOWS) -> str:
    """The whole line; see `quoted`."""
    return " ".join(quoted(word, windows=windows) for word in words)

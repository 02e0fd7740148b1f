"""Lines to be copied into a terminal: every word stays one, in the shells of every system."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from unseg_cli.core.shell import command_of, quoted

WORDS = ["photos", "my photos", "a'b", "a & b.png", "$(touch x).png", "`touch y`.jpg", "ünï 日本.png", "50%", "a,b", "--flag=1", ""]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (r"C:\Users\ann\photos", r"C:\Users\ann\photos"),
        (r"C:\Users\ann b\photos", r'"C:\Users\ann b\photos"'),
        ("a & b.png", '"a & b.png"'),
        ("a,b", '"a,b"'),  # PowerShell would make two of it
        ("$(calc).png", '"`$(calc).png"'),
        ("it's.png", '"it\'s.png"'),
        ("", '""'),
    ],
)
def test_windows_takes_double_quotes(word: str, expected: str) -> None:
    assert quoted(word, windows=True) == expected


def test_posix_shells_give_back_every_word() -> None:
    assert shlex.split(command_of(WORDS, windows=False)) == WORDS
    assert command_of(["unseg", "detect", Path("my photos")], windows=False) == "unseg detect 'my photos'"


def test_the_shell_of_this_system_takes_it(tmp_path: Path) -> None:
    words = [word for word in WORDS if os.name != "nt" or not set(word) & set("$`%")]  # what Command Prompt takes otherwise is no harm
    line = command_of([sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *words])
    said = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ascii(words)
    assert not any(tmp_path.iterdir())

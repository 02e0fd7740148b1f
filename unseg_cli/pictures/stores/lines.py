"""Rows of a file of lines, each kept as the bytes that it is there: as dictionaries they would take five times the memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

Row = TypeVar("Row", bound=Mapping[str, Any])


class Lines(Mapping[str, Row]):
    """Rows by their "src". Each is read anew whenever it is asked for: changing one changes nothing here."""

    def __init__(self) -> None:
        self._lines: dict[str, bytes | memoryview] = {}

    def __getitem__(self, src: str) -> Row:
        return read_line(self._lines[src])

    def __contains__(self, src: object) -> bool:
        return src in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def keep(self, src: str, line: bytes | memoryview) -> None:
        """Take the line of a picture, in place of an earlier one."""
        self._lines[src] = line

    def line(self, src: str) -> bytes | memoryview:
        """What `keep` took."""
        return self._lines[src]


def read_line(line: bytes | memoryview) -> Any:
    """What a line says.

    Raises:
        UnicodeDecodeError: it is no text.
        ValueError, RecursionError: it is no JSON, or numbers or lists that nobody has written in earnest.
    """
    return json.loads(str(line, "utf-8"))


def whole_lines(data: bytes) -> Iterator[tuple[Any, memoryview]]:
    """What each line of a file says, with its bytes, which are not copied; half-written lines are skipped.

    Raises:
        UnicodeDecodeError: there is a line that is no text.
    """
    view, start = memoryview(data), 0
    while start < len(data):
        end = data.find(b"\n", start)
        line = view[start : len(data) if end < 0 else end]
        start += len(line) + 1
        try:
            yield read_line(line), line
        except UnicodeDecodeError:
            raise
        except (ValueError, RecursionError):
            continue

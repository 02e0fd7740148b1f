"""`unseg-manifest.jsonl`: one line for each picture that was protected or failed.

A line is written before its picture is moved into place. A kill between the two leaves a line whose hash fits no file, and the picture is
done again; a file without a line, which could be anybody's, cannot come about.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.core.runs import append_jsonl, read_jsonl, write_atomically

NAME = "unseg-manifest.jsonl"

Row = dict[str, Any]


class Manifest:
    """The manifest of a folder. Appending is safe from several threads.

    Attributes:
        path: the file; it need not exist.
        rows: the last line of each source name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, Row] = {}
        self._owned: set[str] = set()
        self._lock = threading.Lock()
        self._broken = False  # something in the file is no line of ours; another line must not be glued to it
        self._repeated = False

    @staticmethod
    def read(root: Path) -> Manifest:
        """Read the manifest in `root`: half-written lines are skipped, of several lines for a picture the last one counts.

        Raises:
            EnvironmentProblem: it cannot be read.
        """
        manifest = Manifest(root / NAME)
        try:
            found = read_jsonl(manifest.path)
            data = manifest.path.read_bytes() if manifest.path.exists() else b""
        except (OSError, UnicodeDecodeError) as problem:
            raise EnvironmentProblem(f"{manifest.path} cannot be read ({problem})", hint="remove it to protect everything anew") from None
        rows = [row for row in found if isinstance(row, dict) and isinstance(row.get("src"), str)]
        for row in rows:
            manifest._take(row)
        manifest._broken = data.count(b"\n") != len(rows) or (bool(data) and not data.endswith(b"\n"))
        return manifest

    def owns(self, dst_name: str) -> bool:
        """Whether an earlier run wrote this file."""
        return dst_name in self._owned

    def append(self, row: Row) -> None:
        """Add a line."""
        with self._lock:
            if self._broken:
                self._rewrite()
            self._take(row)
            append_jsonl(self.path, row)

    def _take(self, row: Row) -> None:
        self._repeated |= row["src"] in self.rows
        self.rows[row["src"]] = row
        if row.get("dst_sha256"):
            self._owned.add(str(row.get("dst")))

    def settle(self) -> None:
        """Leave one line for each picture, where there are more or broken ones."""
        with self._lock:
            if (self._broken or self._repeated) and self.rows:
                self._rewrite()

    def _rewrite(self) -> None:
        text = "".join(json.dumps(row) + "\n" for row in self.rows.values())
        write_atomically(self.path, lambda part: _write(part, text))
        self._broken = self._repeated = False


def _write(part: Path, text: str) -> None:
    part.write_text(text, encoding="utf-8")

"""A file of lines, one for each picture, that survives kills and repeats: manifests and lists of detections."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, Generic, Literal, Union, get_args, get_origin, get_type_hints

from unseg_cli.core.errors import EnvironmentProblem, UnsegError
from unseg_cli.core.events import Events, interruptible
from unseg_cli.pictures.stores.lines import Lines, Row, whole_lines
from unseg_cli.pictures.stores.store import Store


class Ledger(Generic[Row]):
    """Lines of JSON in a store, which need not hold any yet. Appending is safe from several threads.

    Half-written lines are skipped; of several lines for a picture the last one counts.

    Args:
        store: where the file lies.
        name: what it is called.
        row_type: a `TypedDict`; what does not fit it counts as broken.
        remedy: what to do about one that cannot be read.
        earlier: other files with lines, which are read and never written; those of this one count more.

    Attributes:
        rows: the last line of each picture, by its "src".

    Raises:
        EnvironmentProblem: it cannot be read.
    """

    def __init__(self, store: Store, name: str, row_type: type[Row], *, remedy: str, earlier: Sequence[str] = ()) -> None:
        self._store, self._name = store, name
        self.rows: Lines[Row] = Lines()
        self._lock = threading.Lock()
        self._repeated = False
        self._elsewhere: set[str] = set()
        kinds = _kinds(row_type)
        for other in earlier:
            self._read(other, kinds, remedy)
        self._repeated, self._elsewhere = False, set(self.rows)
        # Something in the file is no line of ours; another line must not be glued to it.
        self._broken = not self._read(name, kinds, remedy)

    def _read(self, name: str, kinds: Mapping[str, tuple[type, ...]], remedy: str) -> bool:
        """Take the lines of a file that are whole; whether all are."""
        count = 0
        try:
            data = self._store.read(name) if self._store.exists(name) else b""
            for row, line in whole_lines(data):
                if isinstance(row, dict) and _fits(row, kinds):
                    self._take(row, line)  # type: ignore[arg-type]
                    count += 1
        except (UnsegError, OSError, UnicodeDecodeError) as problem:
            what = problem.message if isinstance(problem, UnsegError) else f"cannot be read ({problem})"
            raise EnvironmentProblem(f"{self._store.where(name)} {what}", hint=remedy) from None
        return data.count(b"\n") == count and (not data or data.endswith(b"\n"))

    def append(self, row: Row) -> None:
        """Add a line; see `append_all`."""
        self.append_all([row])

    def append_all(self, rows: Sequence[Row]) -> None:
        """Add lines.

        Raises:
            UnsegError, OSError: see `Store.append`, and `Store.put` where broken lines are removed first.
        """
        with self._lock:
            if self._broken:
                self._rewrite()
            lines = [json.dumps(row).encode("utf-8") for row in rows]
            if lines:
                try:
                    self._store.append(self._name, _joined(lines))
                except BaseException:
                    self._broken = True  # a full disk takes half of a line, and the next must not be glued to it
                    raise
            for row, line in zip(rows, lines, strict=True):
                self._take(row, line)

    def own_rows(self) -> dict[str, Row]:
        """`rows`, without those that are in other files."""
        return {src: row for src, row in self.rows.items() if src not in self._elsewhere}

    def _take(self, row: Row, line: bytes | memoryview) -> None:
        src = row["src"]
        self._elsewhere.discard(src)
        self._repeated |= src in self.rows
        self.rows.keep(src, line)

    def settle(self) -> None:
        """Leave one line for each picture, where there are more or broken ones.

        Raises:
            UnsegError, OSError: see `Store.put`.
        """
        with self._lock:
            if (self._broken or self._repeated) and self.rows:
                self._rewrite()

    def _rewrite(self) -> None:
        self._store.put(self._name, _joined(self.rows.line(src) for src in self.rows if src not in self._elsewhere))
        self._broken = self._repeated = False


@contextlib.contextmanager
def recorded_run(ledger: Ledger[Any], events: Events, *, what: str, total: int, finished: Collection[str], dry_run: bool) -> Iterator[None]:
    """A run over pictures that writes lines of a ledger, which is left in order however it ends.

    Args:
        ledger: whose lines are written.
        events: learns what begins, and that it is over.
        what: is done to the pictures, see `Events.start`.
        total: how many there are.
        finished: names of those that are done so far; grows.
        dry_run: nothing is written.

    Raises:
        KeyboardInterrupt: with how many pictures are done.
    """
    with interruptible(events, what=what, total=total, finished=lambda: len(finished)):
        try:
            yield
        finally:
            if not dry_run:
                with contextlib.suppress(UnsegError, OSError):  # it is only untidy
                    ledger.settle()


def _joined(lines: Iterable[bytes | memoryview]) -> bytes:
    """Lines as they are in a file, each with its end."""
    return b"".join(part for line in lines for part in (line, b"\n"))


def _kinds(row_type: type) -> dict[str, tuple[type, ...]]:
    """The types that the values of a `TypedDict` may have, by key; of lists and mappings not what is in them."""
    found = {}
    for key, hint in get_type_hints(row_type).items():
        options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        plain = [str if get_origin(one) is Literal else get_origin(one) or one for one in options]
        found[key] = tuple(plain + [int] * (float in plain))
    return found


def _fits(row: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> bool:
    return "src" in row and all(isinstance(value, kinds[key]) for key, value in row.items() if key in kinds)

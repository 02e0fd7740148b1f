"""What a workflow tells its caller: progress while it runs (`Events`) and the result at the end (`Report`)."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from unseg_cli.core.errors import UnsegError


class Events:
    """Receives progress and messages. This base class ignores them; the console prints them."""

    def start(self, total: int | None, what: str, *, done: int = 0) -> None:
        """A stage of `total` items (None: unknown) called `what` begins; `done` of them an earlier run has done."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """`n` more items of the current stage are done; `note` is a short live status such as a loss."""

    def stop(self) -> None:
        """The current stage is over."""

    def info(self, message: str) -> None:
        """A line worth reading."""

    def detail(self, message: str) -> None:
        """A line worth reading with -v only."""

    def warn(self, message: str) -> None:
        """Something the user may want to act on."""


@contextlib.contextmanager
def interruptible(events: Events, *, what: str, total: int, finished: Callable[[], int]) -> Iterator[None]:
    """A stage over pictures that Ctrl-C may end.

    Args:
        events: learns what begins, and that it is over.
        what: is done to the pictures, see `Events.start`.
        total: how many there are.
        finished: how many are done so far.

    Raises:
        KeyboardInterrupt: with how many pictures are done.
    """
    events.start(total, what)
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {finished()} of {total} pictures are done") from None
    finally:
        events.stop()


class Failures(list[dict[str, str]]):
    """`{"path", "error", "hint"}` of each picture that failed, as documents have it.

    Args:
        events: is told of each as it comes.
    """

    def __init__(self, events: Events) -> None:
        super().__init__()
        self._events = events

    def add(self, name: str, problem: UnsegError) -> None:
        """One more."""
        self.append({"path": name, "error": problem.message, "hint": problem.hint})
        what = problem.message if problem.message.startswith(f"{name} ") else f"{name}: {problem.message}"
        self._events.warn(what + (f" - {problem.hint}" if problem.hint else ""))
        if problem.__cause__ is not None:
            self._events.detail("".join(traceback.format_exception(problem.__cause__)).rstrip())


@dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of a workflow.

    Attributes:
        document: JSON-ready result, as documented for `--json`.
        exit_code: 0 done, 1 some input failed or a threshold was missed.
        closing: lines for a person, printed after the summary.
        data: bytes for standard output; what is said then goes to standard error.
    """

    document: dict[str, Any]
    exit_code: int = 0
    closing: tuple[str, ...] = field(default=())
    data: bytes | None = None

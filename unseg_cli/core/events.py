"""What a workflow tells its caller: progress while it runs (`Events`) and the result at the end (`Report`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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

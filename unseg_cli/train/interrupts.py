"""Ctrl-C that waits for work which must not be cut in two."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class LateInterrupt:
    """While it is entered, the first Ctrl-C is only noted, and `check` raises it; a second one is raised at once.

    Python tells the main thread alone; entered elsewhere it changes nothing.

    Attributes:
        asked: whether somebody pressed Ctrl-C.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: object = None

    def __enter__(self) -> LateInterrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]

    def check(self) -> None:
        """A place where everything is whole.

        Raises:
            KeyboardInterrupt: somebody pressed Ctrl-C.
        """
        if self.asked:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

"""Each job in a thread of its own, from its beginning to its end, as many at once as there are cores, and as fit into the memory."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.parallel.pipeline import result_of

J = TypeVar("J")
R = TypeVar("R")

#: Pixels that are worked on at once, for each worker: a pixel takes about 20 bytes.
PIXELS_A_WORKER = 22_000_000


def spread(
    jobs: Iterable[J], work: Callable[[J], R], *, workers: int, fail_fast: bool = False
) -> Generator[tuple[J, R | UnsegError], None, None]:
    """Work off jobs, which are taken not much earlier than they are worked on.

    Args:
        jobs: in the order in which they are begun.
        work: may be called from several threads at once.
        workers: how many; at least one.
        fail_fast: after the first failure finish what is being worked on and begin nothing new.

    Yields:
        Each job with its result, or with what went wrong with it, in words for its owner. Whoever stops iterating (`close`, Ctrl-C) can
        rely on it that what is being worked on then is finished, and that no thread goes on.
    """
    waiting, running = iter(jobs), deque[tuple[J, Future[R]]]()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="unseg")
    try:
        while True:
            # One more than there are threads: none waits for the one that hands out jobs.
            running.extend((job, pool.submit(work, job)) for job in islice(waiting, workers + 1 - len(running)))
            if not running:
                return
            job, future = running.popleft()
            try:
                result = result_of(future)
            except CancelledError:
                continue
            yield job, result
            if fail_fast and isinstance(result, UnsegError):
                waiting = iter(())
                for _, other in running:
                    other.cancel()
    finally:
        # Also after Ctrl-C: what is being worked on is finished, nothing new is begun.
        pool.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Room:
    """So much that is shared by threads: who needs more than is left waits, and who needs more than there is waits until all is free.

    Args:
        size: how much there is, in any unit.
    """

    def __init__(self, size: int) -> None:
        self._size, self._free, self._changed = size, size, threading.Condition()

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        """Take this much for as long as the block runs."""
        amount = min(amount, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= amount)
            self._free -= amount
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()

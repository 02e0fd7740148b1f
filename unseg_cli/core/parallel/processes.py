"""Other processes of this machine that do one kind of work, each with what it needs for that.

Python lets one thread of a process go on at a time. Threads that do thousands of short calculations wait for each other a third of the
time, on two cores; processes do not.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Generic, TypeVar

J = TypeVar("J")
R = TypeVar("R")

#: Jobs for each process from which on starting them pays.
ENOUGH = 12
#: Windows cannot wait for more.
MOST = 61


class LostProcesses(Exception):
    """A process ended before its work did, as where the system was short of memory, or none could be started."""


class Processes(Generic[J, R]):
    """Processes, which are started when there is work for them. They read the main module of the program: it must do nothing then.

    Args:
        prepare: called once in each of them, by name; gives the function that does the work.
        task: what it is called with; this and all that goes to and fro can be pickled.
        count: how many, at the most.

    Raises:
        LostProcesses: this system has none.
    """

    def __init__(self, prepare: Callable[[Any], Callable[[J], R]], task: Any, *, count: int) -> None:
        try:
            # "spawn": a fork would inherit locks that other threads hold.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(min(count, MOST), mp_context=context, initializer=_begin, initargs=(prepare, task))
        except (OSError, ImportError, NotImplementedError) as problem:  # without /dev/shm there are no semaphores
            raise LostProcesses(str(problem)) from problem

    def do(self, job: J) -> R:
        """Have one of them do it, and wait for what comes of it. May be called from several threads.

        Raises:
            LostProcesses: nothing will ever come of it, nor of any other job.
            Exception: what the work raised.
        """
        try:
            with _without_ctrl_c():
                future = self._pool.submit(_do, job)
        except (BrokenProcessPool, OSError) as problem:  # it may have to start one
            raise LostProcesses(str(problem)) from problem
        try:
            result: R = future.result()
            return result
        except BrokenProcessPool as problem:
            raise LostProcesses(str(problem)) from problem

    def __enter__(self) -> Processes[J, R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        """Wait until all of them have ended, and what they do with it."""
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def elsewhere(
    prepare: Callable[[Any], Callable[[J], R]],
    task: Any,
    here: Callable[[J], R],
    *,
    count: int,
    say: Callable[[str], object] = lambda message: None,
) -> Iterator[Callable[[J], R]]:
    """What has a job done in one of `count` processes, and does it here where there are none, or none any more.

    Args:
        prepare: see `Processes`.
        task: likewise.
        here: what those do, too.
        count: how many; less than two: none.
        say: is told when they are lost.
    """
    try:
        started: Processes[J, R] | None = Processes(prepare, task, count=count) if count > 1 else None
    except LostProcesses:
        started = None
    if started is None:
        yield here
        return
    lost = False

    def do(job: J) -> R:
        nonlocal lost
        if not lost:
            try:
                return started.do(job)
            except LostProcesses:
                first, lost = not lost, True
                if first:
                    say("a process was lost: going on in this one")
        return here(job)

    with started:
        yield do


def worth_starting(jobs: int, workers: int) -> int:
    """How many processes so many jobs are worth: as many as workers, or none. It takes about a second, and saves a quarter of each job."""
    return workers if jobs >= ENOUGH * workers else 0


_work: Callable[[Any], Any] | None = None  # of this process, if it is one of those


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes that are started in here do not get what Ctrl-C sends, where the system can do that, not even before they begin."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(prepare: Callable[[Any], Callable[[Any], Any]], task: Any) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows sends Ctrl-C to all of them; what is being worked on is finished
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    _work = prepare(task)


def _end_after(parent: Any) -> None:
    """End this process as soon as the one that started it has: killed, it tells nobody."""
    with suppress(OSError):
        parent.join()
    os._exit(1)


def _do(job: Any) -> Any:
    assert _work is not None
    return _work(job)

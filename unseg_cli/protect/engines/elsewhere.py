"""Pictures protected in other processes. All files are read and written in this one, which keeps the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.memory import keep_freed_memory
from unseg_cli.core.parallel.pipeline import told
from unseg_cli.core.parallel.processes import LostProcesses, Processes
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.protect.one import protect_source
from unseg_cli.protect.settings import Settings
from unseg_cli.protect.stages import Source, Written

#: Pictures for each process from which on starting it pays: it takes about a second, and saves a quarter of each.
ENOUGH = 12

Protector: TypeAlias = Callable[[Source], Written]
#: The file and its line; what is wrong and what to do about it, since exceptions do not come through whole; None: nobody foresaw it.
Result: TypeAlias = Written | tuple[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Task:
    """All that such a process has to know.

    Attributes:
        settings: what decides the result.
        generator, sam_checkpoint, device: see `open_runtime`.
    """

    settings: Settings
    generator: str
    sam_checkpoint: Path | None
    device: str


@contextmanager
def elsewhere(task: Task, here: Protector, *, count: int, say: Callable[[str], object]) -> Iterator[Protector]:
    """What protects a picture in one of `count` processes.

    Args:
        task: what they do.
        here: the same in this process, for when they are lost.
        count: how many.
        say: is told then.
    """
    try:
        started: Processes[Source, Result] = Processes(_prepared, task, count=count)
    except LostProcesses:
        yield here
        return
    with started as processes:
        yield _Elsewhere(processes, here, say)


class _Elsewhere:
    def __init__(self, processes: Processes[Source, Result], here: Protector, say: Callable[[str], object]) -> None:
        self._processes, self._here, self._say, self._lost = processes, here, say, False

    def __call__(self, source: Source) -> Written:
        if not self._lost:
            try:
                made = self._processes.do(source)
            except LostProcesses:
                self._lost = True
                self._say("a process was lost: going on in this one")
            else:
                if isinstance(made, Written):
                    return made
                if made is not None:
                    raise UnsegError(made[0], hint=made[1])
        return self._here(source)  # what nobody foresaw happens once more, where its traceback can be shown


def _prepared(task: Task) -> Callable[[Source], Result]:
    keep_freed_memory()
    session = Session(open_runtime(task.generator, device=task.device, sam_checkpoint=task.sam_checkpoint))
    return partial(_protected, session=session, settings=task.settings)


def _protected(source: Source, *, session: Session, settings: Settings) -> Result:
    try:
        made = protect_source(source, session, settings)
        return Written(data=made.data, record=made.record)
    except Exception as problem:
        found = told(problem)
        return None if found.__cause__ is problem else (found.message, found.hint)

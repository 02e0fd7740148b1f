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
from unseg_cli.core.parallel.processes import elsewhere
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.protect.one import protect_source
from unseg_cli.protect.settings import Settings
from unseg_cli.protect.stages import Source, Written

Protector: TypeAlias = Callable[[Source], Written]
#: The file and its line; what is wrong and what to do about it, since exceptions do not come through whole; None: nobody foresaw it.
Result: TypeAlias = Written | tuple[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Task:
    """All that another process has to know.

    Attributes:
        settings: what decides the result.
        generator, sam_checkpoint, device: see `open_runtime`.
    """

    settings: Settings
    generator: str
    sam_checkpoint: Path | None
    device: str

    def session(self) -> Session:
        """The generator at work, opened in the process that calls this."""
        return Session(open_runtime(self.generator, device=self.device, sam_checkpoint=self.sam_checkpoint))


@contextmanager
def protecting(task: Task, here: Protector, *, count: int, say: Callable[[str], object]) -> Iterator[Protector]:
    """What protects a picture in one of `count` processes.

    Args:
        task: what they do.
        here: the same in this process, for when they are lost.
        count: how many.
        say: is told then.
    """
    with elsewhere(_prepared, task, here, count=count, say=say) as answer:

        def protected(source: Source) -> Written:
            made = answer(source)
            if isinstance(made, tuple):
                raise UnsegError(made[0], hint=made[1])
            # What nobody foresaw happens once more, where its traceback can be shown.
            return here(source) if made is None else made

        yield protected


def _prepared(task: Task) -> Callable[[Source], Result]:
    keep_freed_memory()
    return partial(_protected, session=task.session(), settings=task.settings)


def _protected(source: Source, *, session: Session, settings: Settings) -> Result:
    try:
        made = protect_source(source, session, settings)
        return Written(data=made.data, record=made.record)
    except Exception as problem:
        found = told(problem)
        return None if found.__cause__ is problem else (found.message, found.hint)

"""How the jobs of a run are worked off: the contract of every engine, and the one for this machine.

`LocalEngine` reads ahead, runs the network batch by batch and writes behind; pictures stream through, so that memory does not grow with
their number. `DryRun` goes as far as every refusal that is known before the network runs, and writes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol, TypeVar

import torch

from unseg_cli.core.errors import UnsegError
from unseg_cli.generators.session import Session
from unseg_cli.protect.files import JobFiles
from unseg_cli.protect.jobs import Job
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.one import Noised, Opened, Source, add_noise_to, encode, open_picture

#: Pictures in one forward pass, where none are asked for.
BATCH_CPU, BATCH_GPU = 4, 16
#: A batch is full, and reading ahead pauses, at this many pixels.
BATCH_PIXELS = 16_000_000
#: What goes wrong with one picture and says nothing about the next.
_OF_ONE_PICTURE = (UnsegError, OSError, MemoryError)

SessionFactory = Callable[[], Session]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: which.
        status: protected; skipped, since it was done already; failed; or, of a dry run, planned.
        record: its line of the manifest; of a planned one what is known before it is protected; None where there is none.
        problem: why it failed.
    """

    job: Job
    status: Literal["protected", "skipped", "failed", "planned"]
    record: Record | None = None
    problem: UnsegError | None = None


class Engine(Protocol):
    """Works off jobs."""

    def run(self, jobs: Iterable[Job], sessions: SessionFactory) -> Generator[Outcome, None, None]:
        """Protect the picture of each job with `open_picture`, `add_noise_to` and `encode`, or what comes to the same bytes.

        Args:
            jobs: taken one by one, not much earlier than they are worked on.
            sessions: makes the generator's session, wherever the network runs; called before anything is written.

        Yields:
            One outcome for each job, in any order, as soon as what it says is so. What goes wrong with one picture is its outcome,
            everything else is raised. Whoever stops iterating (`close`, Ctrl-C) can rely on it that pictures being written then are
            finished, and that no thread goes on.
        """
        ...


class LocalEngine:
    """Threads of this machine read and write while the network runs.

    Args:
        files: reads and writes the files of jobs.
        workers: threads that read and write; at least one.
        batch_size: pictures in one forward pass; None: as many as suit the device.
        fail_fast: after the first failure finish what is being written and begin nothing new.
        say: receives a line worth reading by those who want details.
    """

    def __init__(
        self,
        files: JobFiles,
        *,
        workers: int = 2,
        batch_size: int | None = None,
        fail_fast: bool = False,
        say: Callable[[str], object] = lambda message: None,
    ) -> None:
        self._files = files
        self._workers = max(workers, 1)
        self._batch_size = batch_size
        self._fail_fast = fail_fast
        self._say = say

    def run(self, jobs: Iterable[Job], sessions: SessionFactory) -> Generator[Outcome, None, None]:
        """See `Engine`."""
        session = sessions()
        size = self._batch_size or (BATCH_CPU if session.device.type == "cpu" else BATCH_GPU)
        waiting: Iterator[Job] | None = iter(jobs)
        reading: deque[tuple[Job, Future[Opened | Record]]] = deque()
        batch: list[tuple[Job, Opened]] = []
        writing: deque[tuple[Job, Future[Record]]] = deque()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="unseg")
        try:
            while waiting or reading or batch or writing:
                while waiting and len(reading) < size + self._workers and _pixels_of(reading) < BATCH_PIXELS:
                    if (job := next(waiting, None)) is None:
                        waiting = None
                    else:
                        reading.append((job, pool.submit(self._read, job)))
                finished: list[Outcome] = []
                if reading:
                    job, opened = reading.popleft()
                    outcome = self._result(job, opened)
                    if isinstance(outcome, Opened):
                        batch.append((job, outcome))
                    else:
                        finished.append(outcome if isinstance(outcome, Outcome) else Outcome(job=job, status="skipped", record=outcome))
                full = len(batch) >= size or sum(opened.area for _, opened in batch) >= BATCH_PIXELS
                if batch and (full or not (reading or waiting)):
                    for job, noised in self._draw(session, batch):
                        if isinstance(noised, Noised):
                            writing.append((job, pool.submit(self._write, job, noised, session)))
                        else:
                            finished.append(noised)
                    batch.clear()
                while writing and (len(writing) > self._workers or not (reading or waiting)):
                    job, written = writing.popleft()
                    record = self._result(job, written)
                    finished.append(record if isinstance(record, Outcome) else Outcome(job=job, status="protected", record=record))
                yield from finished
                if self._fail_fast and any(outcome.status == "failed" for outcome in finished):
                    waiting = None
                    reading.clear()
                    batch.clear()
        finally:
            # Also after Ctrl-C: pictures that are being written are finished, nothing new is begun.
            pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, job: Job) -> Opened | Record:
        fetched = self._files.fetch(job)
        return open_picture(fetched, self._files.settings) if isinstance(fetched, Source) else fetched

    def _draw(self, session: Session, batch: list[tuple[Job, Opened]]) -> Iterator[tuple[Job, Noised | Outcome]]:
        """Run the network on a batch; one that does not fit into memory is run picture by picture."""
        try:
            noised = add_noise_to([opened for _, opened in batch], session, self._files.settings)
            yield from ((job, one) for (job, _), one in zip(batch, noised, strict=True))
        except (MemoryError, RuntimeError) as problem:
            if not _is_out_of_memory(problem):
                raise
            if len(batch) > 1:
                self._say("out of memory: going on picture by picture")
                for one_job in batch:
                    yield from self._draw(session, [one_job])
            else:
                too_large = UnsegError("is too large for the memory", hint="pass --device cpu, or scale it down")
                yield batch[0][0], _failed(self._files, batch[0][0], too_large)

    def _write(self, job: Job, noised: Noised, session: Session) -> Record:
        return self._files.deliver(job, encode(noised, self._files.settings.budget, session.generator.source))

    def _result(self, job: Job, future: Future[T]) -> T | Outcome:
        try:
            return future.result()
        except _OF_ONE_PICTURE as problem:
            return _failed(self._files, job, _told(problem))


class DryRun:
    """Goes through every refusal that is known before the network runs, pictures decoded and all; nothing is written.

    Args:
        files: reads the files of jobs.
        workers: threads that read; at least one.
    """

    def __init__(self, files: JobFiles, *, workers: int = 2) -> None:
        self._files = files
        self._workers = max(workers, 1)

    def run(self, jobs: Iterable[Job], sessions: SessionFactory) -> Generator[Outcome, None, None]:
        """See `Engine`; in the order of the jobs, and without a session."""
        waiting, ahead = iter(jobs), deque[Future[Outcome]]()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="unseg")
        try:
            while True:
                ahead.extend(pool.submit(self._rehearse, job) for job in islice(waiting, 2 * self._workers - len(ahead)))
                if not ahead:
                    return
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _rehearse(self, job: Job) -> Outcome:
        try:
            fetched = self._files.fetch(job)
            if not isinstance(fetched, Source):
                return Outcome(job=job, status="skipped", record=fetched)
            mask = open_picture(fetched, self._files.settings).mask
        except _OF_ONE_PICTURE as problem:
            return Outcome(job=job, status="failed", problem=_told(problem))
        record = Record(src=job.name, dst=job.dst_name, mask_empty=mask is not None and not mask.any())
        if mask is not None and mask.any():
            record["mask_source"] = "file"
        return Outcome(job=job, status="planned", record=record)


def _failed(files: JobFiles, job: Job, problem: UnsegError) -> Outcome:
    with suppress(UnsegError, OSError):  # a full disk: the report says it all the same
        return Outcome(job=job, status="failed", record=files.fail(job, problem), problem=problem)
    return Outcome(job=job, status="failed", problem=problem)


def _told(problem: BaseException) -> UnsegError:
    """What goes wrong with one picture, in words for its owner."""
    if isinstance(problem, UnsegError):
        return problem
    if isinstance(problem, OSError):
        return UnsegError(f"cannot be written ({problem.strerror or problem})", hint="check permissions and free space of DST")
    return UnsegError("is too large for the memory", hint="scale it down, or use fewer --workers")


def _pixels_of(reading: deque[tuple[Job, Future[Opened | Record]]]) -> int:
    done = [future.result() for _, future in reading if future.done() and not future.exception()]
    return sum(opened.area for opened in done if isinstance(opened, Opened))


def _is_out_of_memory(problem: BaseException) -> bool:
    text = str(problem).lower()
    return isinstance(problem, MemoryError | torch.OutOfMemoryError) or "out of memory" in text or "not enough memory" in text

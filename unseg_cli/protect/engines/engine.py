"""How the jobs of a run are worked off: the contract of every engine, and the one for this machine.

`LocalEngine` gives each picture a core of its own, from its reading to its writing (`core/parallel/spread.py`), and a process for it where
there are many. Where the network keeps all cores or a GPU busy by itself, it reads ahead, runs the network batch by batch and writes
behind (`core/parallel/pipeline.py`). `DryRun` goes as far as every refusal that is known before the network runs, and writes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol, TypeAlias

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.parallel.pipeline import BESIDE_THE_NETWORK, Done, Pipeline, told, usual_batch
from unseg_cli.core.parallel.spread import PIXELS_A_WORKER, Room, cores, spread
from unseg_cli.generators.session import Session
from unseg_cli.pictures.header import pixels_in
from unseg_cli.protect.engines.elsewhere import Task, protecting
from unseg_cli.protect.files import JobFiles
from unseg_cli.protect.jobs import Job
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.one import add_noise_to, encode, open_picture, protect_source
from unseg_cli.protect.stages import Noised, Opened, Source, Written

SessionFactory = Callable[[], Session]


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


Results: TypeAlias = Generator[tuple[Job, Outcome | UnsegError], None, None]


class Engine(Protocol):
    """Works off jobs."""

    def run(self, jobs: Iterable[Job], sessions: SessionFactory) -> Generator[Outcome, None, None]:
        """Protect the picture of each job with `open_picture`, `add_noise_to` and `encode`, or what comes to the same bytes.

        Args:
            jobs: taken one by one, not much earlier than they are worked on.
            sessions: makes the generator's session, wherever the network runs; called before anything is written.

        Yields:
            One outcome for each job, in any order, as soon as what it says is so. What goes wrong with one picture is its outcome, be it
            a defect; of a network that runs for all that is raised. Whoever stops iterating (`close`, Ctrl-C) can rely on it that
            pictures being written then are finished, and that no thread goes on.
        """
        ...


class LocalEngine:
    """Threads of this machine read and write while the network runs.

    Args:
        files: reads and writes the files of jobs.
        workers: threads; None: as many as suit the device.
        batch_size: pictures in one forward pass; None: as many as suit the device.
        fail_fast: after the first failure finish what is being written and begin nothing new.
        say: receives a line worth reading by those who want details.
        elsewhere: what processes of their own need to know, one for each thread, which does nothing but wait for it then; None: there are
            none. They keep nothing of a picture but its file.
    """

    def __init__(
        self,
        files: JobFiles,
        *,
        workers: int | None = None,
        batch_size: int | None = None,
        fail_fast: bool = False,
        say: Callable[[str], object] = lambda message: None,
        elsewhere: Task | None = None,
    ) -> None:
        self._files = files
        self._elsewhere = elsewhere
        self._workers = workers
        self._batch_size = batch_size
        self._fail_fast = fail_fast
        self._say = say

    def run(self, jobs: Iterable[Job], sessions: SessionFactory) -> Generator[Outcome, None, None]:
        """See `Engine`."""
        session, files = sessions(), self._files
        stages = self._staged if session.threads_of_its_own or self._batch_size else self._spread
        with closing(stages(jobs, session)) as results:
            for job, result in results:
                yield _failed(files, job, result) if isinstance(result, UnsegError) else result

    def _spread(self, jobs: Iterable[Job], session: Session) -> Results:
        files, workers = self._files, self._workers or cores()
        room = Room(PIXELS_A_WORKER * workers)

        def here(fetched: Source) -> Written:
            return protect_source(fetched, session, files.settings)

        task = self._elsewhere
        protectors = nullcontext(here) if task is None else protecting(task, here, count=workers, say=self._say)
        with protectors as protected:

            def work(job: Job) -> Outcome:
                fetched = files.fetch(job)
                if not isinstance(fetched, Source):
                    return Outcome(job=job, status="skipped", record=fetched)
                with room.taken(pixels_in(fetched.data)):
                    return Outcome(job=job, status="protected", record=files.deliver(job, protected(fetched)))

            yield from spread(jobs, work, workers=workers, fail_fast=self._fail_fast)

    def _staged(self, jobs: Iterable[Job], session: Session) -> Results:
        files = self._files

        def read(job: Job) -> Opened | Done[Outcome]:
            fetched = files.fetch(job)
            if isinstance(fetched, Source):
                return open_picture(fetched, files.settings)
            return Done(Outcome(job=job, status="skipped", record=fetched))

        def draw(batch: list[Opened]) -> list[Noised]:
            return add_noise_to(batch, session, files.settings)

        def write(job: Job, noised: Noised) -> Outcome:
            record = files.deliver(job, encode(noised, files.settings.budget, session.generator.source))
            return Outcome(job=job, status="protected", record=record)

        stages: Pipeline[Job, Opened, Noised, Outcome] = Pipeline(
            read=read,
            work=draw,
            write=write,
            area=lambda opened: opened.area,
            batch_size=self._batch_size or usual_batch(session.device),
            workers=self._workers or BESIDE_THE_NETWORK,
            fail_fast=self._fail_fast,
            say=self._say,
        )
        return stages.run(jobs)


class DryRun:
    """Goes through every refusal that is known before the network runs, pictures decoded and all; nothing is written.

    Args:
        files: reads the files of jobs.
        workers: threads that read; None: one for each core.
    """

    def __init__(self, files: JobFiles, *, workers: int | None = None) -> None:
        self._files = files
        self._workers = workers or cores()

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
        except Exception as problem:
            return Outcome(job=job, status="failed", problem=told(problem))
        record = Record(src=job.name, dst=job.dst_name, mask_empty=mask is not None and not mask.any())
        if mask is not None and mask.any():
            record["mask_source"] = "file"
        return Outcome(job=job, status="planned", record=record)


def _failed(files: JobFiles, job: Job, problem: UnsegError) -> Outcome:
    with suppress(UnsegError, OSError):  # a full disk: the report says it all the same
        return Outcome(job=job, status="failed", record=files.fail(job, problem), problem=problem)
    return Outcome(job=job, status="failed", problem=problem)

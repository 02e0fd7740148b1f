"""Threads read and write while a network runs batch by batch. Jobs stream through: memory does not grow with their number."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from unseg_cli.core.errors import UnsegError, unforeseen

#: Pictures in one forward pass, where none are asked for.
BATCH_CPU, BATCH_GPU = 4, 16
#: Threads that read and write beside a network that keeps the cores busy.
BESIDE_THE_NETWORK = 2
#: A batch is full, and reading ahead pauses, at this many pixels.
BATCH_PIXELS = 16_000_000

J = TypeVar("J")
A = TypeVar("A")
B = TypeVar("B")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class Done(Generic[R]):
    """What reading a job gives where nothing is left to do."""

    result: R


class Pipeline(Generic[J, A, B, R]):
    """Three stages: `read` and `write` in threads, `work` in between, where the network is.

    Args:
        read: a job -> what the network needs, or `Done`.
        work: what several jobs need -> what came of each, in their order; an `UnsegError` over a single job is that job's.
        write: a job and what came of it -> its result.
        area: number of pixels of what was read.
        batch_size: jobs that `work` sees at once; at least one.
        workers: threads that read and write; at least one.
        fail_fast: after the first failure finish what is being written and begin nothing new.
        say: receives a line worth reading by those who want details.
    """

    def __init__(
        self,
        *,
        read: Callable[[J], A | Done[R]],
        work: Callable[[list[A]], Sequence[B]],
        write: Callable[[J, B], R],
        area: Callable[[A], int],
        batch_size: int,
        workers: int = BESIDE_THE_NETWORK,
        fail_fast: bool = False,
        say: Callable[[str], object] = lambda message: None,
    ) -> None:
        self._read, self._work, self._write, self._area = read, work, write, area
        self._batch_size = batch_size
        self._workers = max(workers, 1)
        self._fail_fast = fail_fast
        self._say = say

    def run(self, jobs: Iterable[J]) -> Generator[tuple[J, R | UnsegError], None, None]:
        """Work off jobs, which are taken not much earlier than they are worked on.

        Yields:
            Each job with its result, or with what went wrong with it, in words for its owner. Whoever stops iterating (`close`, Ctrl-C)
            can rely on it that what is being written then is finished, and that no thread goes on.
        """
        waiting: Iterator[J] | None = iter(jobs)
        reading: deque[tuple[J, Future[A | Done[R]]]] = deque()
        batch: list[tuple[J, A]] = []
        writing: deque[tuple[J, Future[R]]] = deque()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="unseg")
        try:
            while waiting or reading or batch or writing:
                while waiting and len(reading) < self._batch_size + self._workers and self._pixels_of(reading) < BATCH_PIXELS:
                    if (job := next(waiting, None)) is None:
                        waiting = None
                    else:
                        reading.append((job, pool.submit(self._read, job)))
                finished: list[tuple[J, R | UnsegError]] = []
                if reading:
                    job, future = reading.popleft()
                    got = result_of(future)
                    if isinstance(got, UnsegError):
                        finished.append((job, got))
                    elif isinstance(got, Done):
                        finished.append((job, got.result))
                    else:
                        batch.append((job, got))
                full = len(batch) >= self._batch_size or sum(self._area(one) for _, one in batch) >= BATCH_PIXELS
                if batch and (full or not (reading or waiting)):
                    for job, made in self._worked(batch):
                        if isinstance(made, UnsegError):
                            finished.append((job, made))
                        else:
                            writing.append((job, pool.submit(self._write, job, made)))
                    batch.clear()
                while writing and (len(writing) > self._workers or not (reading or waiting)):
                    job, written = writing.popleft()
                    result = result_of(written)
                    finished.append((job, result))
                yield from finished
                if self._fail_fast and any(isinstance(result, UnsegError) for _, result in finished):
                    waiting = None
                    reading.clear()
                    batch.clear()
        finally:
            # Also after Ctrl-C: what is being written is finished, nothing new is begun.
            pool.shutdown(wait=True, cancel_futures=True)

    def _worked(self, batch: list[tuple[J, A]]) -> Iterator[tuple[J, B | UnsegError]]:
        """Run the network on a batch; one that does not fit into memory is run job by job."""
        try:
            made = self._work([one for _, one in batch])
            yield from ((job, one) for (job, _), one in zip(batch, made, strict=True))
        except UnsegError as problem:
            if len(batch) > 1:
                raise
            yield batch[0][0], problem
        except (MemoryError, RuntimeError) as problem:
            if not _is_out_of_memory(problem):
                raise
            if len(batch) > 1:
                self._say("out of memory: going on picture by picture")
                for one_job in batch:
                    yield from self._worked([one_job])
            else:
                yield batch[0][0], UnsegError("is too large for the memory", hint="pass --device cpu, or scale it down")

    def _pixels_of(self, reading: deque[tuple[J, Future[A | Done[R]]]]) -> int:
        done = [future.result() for _, future in reading if future.done() and not future.exception()]
        return sum(self._area(one) for one in done if not isinstance(one, Done))


def usual_batch(device: str) -> int:
    """Jobs in one forward pass that suit a device, such as "cpu" or "cuda:0"."""
    return BATCH_CPU if device == "cpu" else BATCH_GPU


def told(problem: BaseException) -> UnsegError:
    """What goes wrong with one job, in words for its owner."""
    if isinstance(problem, UnsegError):
        return problem
    if isinstance(problem, OSError):
        return UnsegError(f"cannot be written ({problem.strerror or problem})", hint="check permissions and free space of the folder")
    if _is_out_of_memory(problem):
        return UnsegError("is too large for the memory", hint="scale it down, or use fewer --workers")
    return unforeseen(problem)


def result_of(future: Future[T]) -> T | UnsegError:
    """What came of a job, or what went wrong with it, in words for its owner.

    A defect is told like everything else: of 200,000 pictures one may be such as nobody thought of, and the others can do nothing for it.

    Raises:
        CancelledError: it was never begun.
    """
    try:
        return future.result()
    except CancelledError:
        raise
    except Exception as problem:
        return told(problem)


def _is_out_of_memory(problem: BaseException) -> bool:
    text = str(problem).lower()
    return isinstance(problem, MemoryError) or "out of memory" in text or "not enough memory" in text  # of torch it is a RuntimeError

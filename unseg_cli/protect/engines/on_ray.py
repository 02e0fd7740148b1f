"""The engine for many machines: parts of the manifest are work for actors of Ray, each of which holds the network.

Ray hands out the parts, and hands one out again when its actor was lost. That is safe, since a part does what its own lines do not call
done. Lines are in the manifest before the pictures they are about are in place, as everywhere; many are written at once here, since a store
behind an address takes as long for one as for a hundred.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.extras import MissingPackage
from unseg_cli.core.memory import keep_freed_memory
from unseg_cli.core.parallel.pipeline import told
from unseg_cli.core.parallel.spread import cores
from unseg_cli.pictures.stores.remote import store_at
from unseg_cli.pictures.stores.store import Store
from unseg_cli.protect.engines import elsewhere
from unseg_cli.protect.engines.engine import Outcome, SessionFactory
from unseg_cli.protect.files import JobFiles
from unseg_cli.protect.jobs import Job
from unseg_cli.protect.manifest import NAME, Manifest
from unseg_cli.protect.one import protect_source
from unseg_cli.protect.partitions import by_part, divide, part_name
from unseg_cli.protect.stages import Source, Written

#: Pictures whose lines are written, and which then are, at once.
TOGETHER = 32
#: Parts for each worker, at least, where a manifest is new.
PARTS_A_WORKER = 4


@dataclass(frozen=True, kw_only=True)
class Task(elsewhere.Task):
    """All that a worker has to know, which reads and writes the files, too; it can be sent to another machine.

    Attributes:
        source, target, masks: folders or addresses that every machine reaches.
        overwrite: see `JobFiles`.
    """

    source: str
    target: str
    masks: str | None
    overwrite: bool


class RayEngine:
    """Protects on a cluster: that of RAY_ADDRESS, or one of this machine.

    Args:
        task: what the workers do.
        workers: how many; None: one for each core of the cluster.
    """

    def __init__(self, task: Task, *, workers: int | None = None) -> None:
        self._task, self._workers = task, workers

    def run(self, jobs: Iterable[Job], sessions: SessionFactory | None = None) -> Generator[Outcome, None, None]:
        """See `Engine`. Each worker opens a session of its own.

        Raises:
            EnvironmentProblem: Ray is not installed.
        """
        ray, task = _ray(), self._task

        class Bound(Worker):
            """With its task inside of it: arguments would be kept elsewhere, and may be lost when an actor is started again."""

            def __init__(self) -> None:
                super().__init__(task)

        waiting = {job.name: job for job in jobs}
        workers = self._workers or int(ray.cluster_resources().get("CPU", 1))
        target = _store(self._task.target)
        count = divide(target, len(waiting), at_least=PARTS_A_WORKER * workers)
        _fold_in(target, count)
        parts = [{"part": part, "jobs": json.dumps([asdict(job) for job in some])} for part, some in by_part(waiting.items(), count)]
        done = ray.data.from_items(parts, override_num_blocks=len(parts)).map_batches(
            Bound, batch_size=1, concurrency=min(workers, len(parts)), num_cpus=1
        )
        try:
            for row in done.iter_rows():
                yield _outcome(waiting, json.loads(row["outcome"]))
        finally:
            ray.shutdown()


class Worker:
    """An actor: it opens the network once, and then does part after part.

    Args:
        task: what it does.
    """

    def __init__(self, task: Task) -> None:
        keep_freed_memory()
        self._task = task
        self._session = task.session()
        self._source = _store(task.source)
        self._target = _store(task.target, originals=task.source)
        self._masks = None if task.masks is None else _store(task.masks)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Do the parts of a batch of Ray's: "part" and "jobs" in, "outcome" for each job out, as JSON."""
        outcomes = []
        for part, jobs in zip(batch["part"], batch["jobs"], strict=True):
            outcomes += self._do(int(part), [Job(**{**job, "masks": tuple(job["masks"])}) for job in json.loads(str(jobs))])
        return {"outcome": [json.dumps(outcome) for outcome in outcomes]}

    def _do(self, part: int, jobs: list[Job]) -> list[dict[str, Any]]:
        manifest = Manifest(self._target, part_name(part))
        files = JobFiles(
            source=self._source,
            target=self._target,
            manifest=manifest,
            settings=self._task.settings,
            generator=self._session.generator.source,
            finder=self._session.finder.identity,
            masks=self._masks,
            overwrite=self._task.overwrite,
        )
        outcomes: list[dict[str, Any]] = []
        made: list[tuple[Job, Written]] = []
        for job in jobs:
            try:
                fetched = files.fetch(job)
                if isinstance(fetched, Source):
                    made.append((job, protect_source(fetched, self._session, self._task.settings)))
                else:
                    outcomes.append({"name": job.name, "status": "skipped", "record": fetched})
            except Exception as problem:
                outcomes.append(_failed(files, job, told(problem)))
            if len(made) == TOGETHER:
                outcomes += _deliver(files, made)
                made = []
        outcomes += _deliver(files, made)
        manifest.settle()
        return outcomes


def _store(place: str, originals: str | None = None) -> Store:
    return store_at(Path(place), originals=None if originals is None else Path(originals))


def _deliver(files: JobFiles, made: list[tuple[Job, Written]]) -> list[dict[str, Any]]:
    try:
        delivered = files.deliver_all(made)
    except Exception as problem:
        delivered = [(job, told(problem)) for job, _ in made]
    return [
        _failed(files, job, result) if isinstance(result, UnsegError) else {"name": job.name, "status": "protected", "record": result}
        for job, result in delivered
    ]


def _failed(files: JobFiles, job: Job, problem: UnsegError) -> dict[str, Any]:
    found: dict[str, Any] = {"name": job.name, "status": "failed", "error": problem.message, "hint": problem.hint, "record": None}
    with suppress(Exception):  # the report says it all the same
        found["record"] = files.fail(job, problem)
    return found


def _outcome(jobs: dict[str, Job], found: dict[str, Any]) -> Outcome:
    problem = UnsegError(found["error"], hint=found["hint"]) if found["status"] == "failed" else None
    return Outcome(job=jobs[found["name"]], status=found["status"], record=found["record"], problem=problem)


def _fold_in(target: Store, count: int) -> None:
    """Put what runs on one machine wrote into the parts, which are all that workers read."""
    single = Manifest(target)
    lines = single.own_rows()
    for part, rows in by_part(lines.items(), count):
        manifest = Manifest(target, part_name(part))
        manifest.append_all(rows)
        manifest.settle()
    if lines:
        target.put(NAME, b"")


def _ray() -> Any:
    """Ray, with a cluster, and silent: what it has to say to people would come between ours and what scripts read."""
    os.environ.update(
        RAY_USAGE_STATS_ENABLED="0",
        RAY_DATA_DISABLE_PROGRESS_BARS="1",
        RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
        RAY_BACKEND_LOG_LEVEL="fatal",
    )
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingPackage("--engine ray needs ray, which is not installed", module="ray") from None
    for name in ("ray", "ray.data", "ray.serve", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if not ray.is_initialized():
        own: dict[str, Any] = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": cores(), "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    return ray

"""`unseg detect`: a tree of pictures in, masks of their objects and a sheet to look at out. Resolve the options, plan, look, report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Sequence

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.core.memory import keep_freed_memory
from unseg_cli.core.parallel.pipeline import BESIDE_THE_NETWORK, Done, Pipeline, usual_batch
from unseg_cli.core.parallel.spread import PIXELS_A_WORKER, Room, cores, spread
from unseg_cli.core.shell import quoted
from unseg_cli.detect.config import DetectConfig
from unseg_cli.detect.correction import Correction
from unseg_cli.detect.files import JobFiles, Outcome
from unseg_cli.detect.jobs import Job, list_jobs, places, single_job
from unseg_cli.detect.one import Opened, find_objects
from unseg_cli.detect.records import Detection, Detections
from unseg_cli.detect.report import Tally, report
from unseg_cli.detect.review import NAME as REVIEW_NAME
from unseg_cli.detect.review import Commands
from unseg_cli.detect.sheet import Sheet
from unseg_cli.generators.find import UNSURE, Found
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.pictures.header import pixels_in
from unseg_cli.pictures.masks import DETECTIONS
from unseg_cli.pictures.stores.ledger import recorded_run
from unseg_cli.pictures.stores.local import LocalStore

Looked = tuple[Opened, Found | None]
Results = Generator[tuple[Job, Outcome | UnsegError], None, None]


def detect(config: DetectConfig, events: Events, session: Session | None = None) -> Report:
    """Find the objects of a picture or of a folder of pictures, or take its owner's word for that of one.

    Args:
        config: what to look at and how.
        events: receives progress, notes and failures as they happen.
        session: a generator at work, used instead of the one that `config` names: for whoever calls this often.

    Returns:
        A report; exit code 1 where some picture failed.

    Raises:
        UsageProblem: settings that cannot be honoured.
        NothingToDo: no picture in SRC.
        EnvironmentProblem: weights or device are not there, or MASKS cannot be written to.
        KeyboardInterrupt: with how many pictures are done; they stay.
    """
    started = time.perf_counter()
    keep_freed_memory()
    correction = Correction(points=config.point, not_points=config.not_point, box=config.box, whole=config.whole)
    source, masks = places(config.src, config.masks)
    jobs = _jobs(config, source, masks, correction, events)
    masks.check_writable()
    session = session or Session(open_runtime(config.generator, device=config.device, sam_checkpoint=config.sam_checkpoint))
    _refuse_blind(session, correction)
    with contextlib.nullcontext() if config.dry_run else masks.locked(wait=config.src.is_file()):
        return _look(config, session, source, masks, jobs, correction, events, started)


def _look(
    config: DetectConfig,
    session: Session,
    source: LocalStore,
    masks: LocalStore,
    jobs: Sequence[Job],
    correction: Correction,
    events: Events,
    started: float,
) -> Report:
    """Work off the jobs, write the page, and report."""
    detections = Detections(masks)
    files = JobFiles(
        source=source,
        masks=masks,
        detections=detections,
        generator=session.generator.source,
        finder=session.finder.name,
        finder_identity=session.finder.identity,
        correction=correction,
        overwrite=config.overwrite,
        dry_run=config.dry_run,
    )
    threshold = UNSURE if config.threshold is None else config.threshold
    tally, sheet, commands = Tally(events=events, threshold=threshold), Sheet(source, masks, threshold), _commands(config)
    if not config.dry_run:
        masks.sweep([DETECTIONS, REVIEW_NAME, *(job.mask_name for job in jobs)])
    what = "would look at" if config.dry_run else "looking"
    with recorded_run(detections, events, what=what, total=len(jobs), finished=files.finished, dry_run=config.dry_run):
        with contextlib.closing(_results(config, files, session, events, jobs)) as results:
            for job, result in results:
                if isinstance(result, UsageProblem):  # a correction that points outside its picture
                    raise result
                tally.add(job, result)
                if isinstance(result, Outcome) and result.drawn is not None:
                    sheet.add(result.record, result.drawn)
        if not config.dry_run and detections.rows:
            sheet.write(detections, commands, workers=config.workers or cores())
    return report(
        tally,
        generator=files.generator,
        masks=masks.where(""),
        review=masks.where(REVIEW_NAME),
        commands=commands,
        dry_run=config.dry_run,
        seconds=time.perf_counter() - started,
    )


def _jobs(config: DetectConfig, source: LocalStore, masks: LocalStore, correction: Correction, events: Events) -> tuple[Job, ...]:
    if config.overwrite and not correction:
        raise UsageProblem("--overwrite needs a correction", hint="pass --box, --point or --whole, too; to detect anew, delete the mask")
    if config.src.is_dir():
        jobs, passed_over = list_jobs(source, masks, only=config.only, include=config.include, exclude=config.exclude, limit=config.limit)
        if passed_over:
            events.info(f"passed over: {passed_over}")
    elif config.only is not None and config.only != config.src.name:
        raise UsageProblem(f"--only {config.only} names a picture of a folder, and SRC is a picture", hint="omit --only")
    else:
        jobs = (single_job(config.src.name, masks),)
    if correction and len(jobs) != 1:
        raise UsageProblem(f"{correction.flag} is about one picture, and there are {len(jobs)}", hint=f"name it: --only {jobs[0].name}")
    return jobs


def _refuse_blind(session: Session, correction: Correction) -> None:
    spec = session.generator.spec
    if not correction and not spec.finds_objects:
        raise UsageProblem(
            f"generator {spec.name} does not look for objects by itself", hint="omit --generator, or say where one is: --box x0,y0,x1,y1"
        )


def _results(config: DetectConfig, files: JobFiles, session: Session, events: Events, jobs: Sequence[Job]) -> Results:
    def read(job: Job, data: bytes | None = None) -> Opened | Done[Outcome]:
        fetched = files.fetch(job, data)
        return Done(fetched) if isinstance(fetched, Outcome) else fetched

    def look(batch: list[Opened]) -> list[Looked]:
        return list(zip(batch, find_objects(batch, session, files.correction), strict=True))

    def rehearse(batch: list[Opened]) -> list[Looked]:
        return [(opened, None) for opened in batch]

    def write(job: Job, looked: Looked) -> Outcome:
        return Outcome(status="planned", record=Detection()) if config.dry_run else files.deliver(job, *looked)

    if not (session.threads_of_its_own or config.batch_size):
        workers = config.workers or cores()
        room = Room(PIXELS_A_WORKER * workers)

        def whole(job: Job) -> Outcome:
            data = files.source.read(job.name)
            with room.taken(pixels_in(data)):
                got = read(job, data)
                if isinstance(got, Done):
                    return got.result
                (looked,) = (rehearse if config.dry_run else look)([got])
                return write(job, looked)

        return spread(jobs, whole, workers=workers)
    stages: Pipeline[Job, Opened, Looked, Outcome] = Pipeline(
        read=read,
        work=rehearse if config.dry_run else look,
        write=write,
        area=lambda opened: opened.area,
        batch_size=config.batch_size or usual_batch(session.device),
        workers=config.workers or BESIDE_THE_NETWORK,
        say=events.detail,
    )
    return stages.run(jobs)


def _commands(config: DetectConfig) -> Commands:
    src, masks = quoted(config.src), quoted(config.masks)
    single = config.src.is_file()
    return Commands(
        correct=f"unseg detect {src} {masks}" + ("" if single else " --only"),
        protect=f"unseg protect {src} DST --masks {masks}",
        single=single,
    )

"""`unseg protect`: a tree of pictures in, the same tree with noise out. Resolve the options, plan, let an engine work, report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from unseg_cli.core.device import check_device
from unseg_cli.core.events import Events, Report, interruptible
from unseg_cli.core.memory import keep_freed_memory
from unseg_cli.core.parallel.processes import worth_starting
from unseg_cli.core.parallel.spread import cores
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.pictures.masks import rule_for
from unseg_cli.pictures.stores.ledger import recorded_run
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.remote import without_scheme
from unseg_cli.pictures.stores.store import Store
from unseg_cli.protect.config import ProtectConfig
from unseg_cli.protect.conflicts import is_stream, refuse_conflicts
from unseg_cli.protect.engines.elsewhere import Task
from unseg_cli.protect.engines.engine import DryRun, Engine, LocalEngine
from unseg_cli.protect.engines.watch import Stamp, arriving
from unseg_cli.protect.files import JobFiles
from unseg_cli.protect.jobs import Job
from unseg_cli.protect.manifest import NAME as MANIFEST_NAME
from unseg_cli.protect.manifest import Manifest
from unseg_cli.protect.places import Plan, plan_jobs, refuse_extras
from unseg_cli.protect.results.report import Tally, report
from unseg_cli.protect.results.report_page import ReportPage
from unseg_cli.protect.results.unsure import detect_command
from unseg_cli.protect.settings import Settings
from unseg_cli.protect.stream import listed_in, protect_stream

if TYPE_CHECKING:
    from unseg_cli.protect.data_sets.copying import Rest
    from unseg_cli.protect.data_sets.masks import Annotated


def protect(config: ProtectConfig, events: Events, session: Session | None = None, *, processes: bool = False) -> Report:
    """Protect a picture or a folder of pictures.

    Args:
        config: what to protect and how.
        events: receives progress, notes and failures as they happen.
        session: a generator at work, used instead of the one that `config` names: for whoever calls this often.
        processes: whether many pictures may be worked on in processes of their own, which is faster: for programs whose main module
            does nothing when it is imported, as these do.

    Returns:
        A report; exit code 1 where some picture failed, or where all masks mark nothing.

    Raises:
        UsageProblem: settings that cannot be honoured.
        NothingToDo: no picture in SRC.
        EnvironmentProblem: weights or device are not there, or DST cannot be written to.
        KeyboardInterrupt: with how many pictures are done; they stay.
    """
    started = time.perf_counter()
    keep_freed_memory()
    masks = None if config.masks is None else without_scheme(config.masks)
    config = replace(config, src=without_scheme(config.src), dst=without_scheme(config.dst), masks=masks)
    settings = _settings(config)
    if is_stream(config):
        return protect_stream(config, settings, session or _session(config), events)
    annotated = None if config.dataset is None else _annotated(config, config.dataset)
    plan = _plan(config, events, annotated)
    if plan.masks_of_detect:
        settings = replace(settings, budget=config.budget.of_photographs())
    page = None if config.report is None else ReportPage(config.report, src=config.src, overwrite=config.overwrite)
    noises, previews = (None if folder is None else LocalStore(folder) for folder in (config.save_noise, config.preview))
    for store in (plan.target, noises, previews):
        if store is not None:
            store.check_writable()
    task = _task(config, settings, len(plan.jobs)) if processes and session is None else None
    session = session or _session(config)
    # Runs over one picture each, side by side into one folder, take turns; two runs over a folder would do its work twice.
    target = None if config.dry_run or not isinstance(plan.target, LocalStore) else plan.target
    with contextlib.nullcontext() if target is None else target.locked(wait=config.src.is_file()):
        if config.engine == "ray" and not config.dry_run:
            tally, files, copied = _on_ray(config, settings, plan, events), None, None
        else:
            manifest = Manifest(plan.target)
            copied = None if annotated is None else _rest(config, annotated, plan.target, manifest, events)
            tally, files = _work(config, settings, plan, manifest, session, task, noises, previews, events)
        found = report(
            tally,
            generator=session.generator.source,
            rule=settings.mask_rule,
            look=detect_command(config.src, config.masks),
            dry_run=config.dry_run,
            seconds=time.perf_counter() - started,
        )
        found = found if copied is None else copied.told_in(found, dry_run=config.dry_run)
        return found if page is None or files is None else page.write(found, files, settings)


def _work(
    config: ProtectConfig,
    settings: Settings,
    plan: Plan,
    manifest: Manifest,
    session: Session,
    task: Task | None,
    noises: LocalStore | None,
    previews: LocalStore | None,
    events: Events,
) -> tuple[Tally, JobFiles]:
    """Work off the jobs: all that are there, and with --watch those that arrive."""
    files = JobFiles(
        source=plan.source,
        target=plan.target,
        manifest=manifest,
        settings=settings,
        generator=session.generator.source,
        finder=session.finder.identity,
        masks=plan.masks,
        noises=noises,
        previews=previews,
        overwrite=config.overwrite,
    )
    engine: Engine
    if config.dry_run:
        engine = DryRun(files, workers=config.workers)
    else:
        engine = LocalEngine(
            files,
            workers=config.workers,
            batch_size=config.batch_size,
            fail_fast=config.fail_fast,
            say=events.detail,
            elsewhere=None if files.keeps_more else task,
        )
        plan.target.sweep([MANIFEST_NAME, *(job.dst_name for job in plan.jobs)])
    tally = Tally(events=events, target=config.target)
    what = "would protect" if config.dry_run else "protecting"

    def work(jobs: Sequence[Job]) -> None:
        with (
            recorded_run(manifest, events, what=what, total=len(jobs), finished=files.finished, dry_run=config.dry_run),
            contextlib.closing(engine.run(jobs, lambda: session)) as outcomes,
        ):
            for outcome in outcomes:
                tally.add(outcome)

    if config.watch:
        events.info(f"watching {config.src}: Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):  # how it is meant to end
            for jobs in arriving(lambda: _stamped(_plan(config, Events()))):
                work(jobs)
    else:
        work(plan.jobs)
    return tally, files


def _on_ray(config: ProtectConfig, settings: Settings, plan: Plan, events: Events) -> Tally:
    """Have a cluster work off the jobs. The manifest is read and written there."""
    from unseg_cli.protect.engines.on_ray import RayEngine, Task

    task = Task(
        source=_reached_from_anywhere(plan.source),
        target=_reached_from_anywhere(plan.target),
        masks=None if plan.masks is None else _reached_from_anywhere(cast(Store, plan.masks)),
        settings=settings,
        generator=config.generator,
        sam_checkpoint=config.sam_checkpoint,
        device=config.device,
        overwrite=config.overwrite,
    )
    tally = Tally(events=events, target=config.target)
    with (
        interruptible(events, what="protecting", total=len(plan.jobs), finished=lambda: tally.protected + tally.skipped),
        contextlib.closing(RayEngine(task, workers=config.workers).run(plan.jobs)) as outcomes,
    ):
        for outcome in outcomes:
            tally.add(outcome)
    return tally


def _reached_from_anywhere(store: Store) -> str:
    """The place of a store, which workers in other folders open, too."""
    return str(store.root.absolute()) if isinstance(store, LocalStore) else store.where("")


def _stamped(plan: Plan) -> dict[Job, Stamp]:
    """Every job whose files are there, with what tells that one of them was changed."""
    found: dict[Job, Stamp] = {}
    source, masks = cast(LocalStore, plan.source), cast("LocalStore | None", plan.masks)  # `refuse_conflicts` has seen to it
    for job in plan.jobs:
        stamps = [source.stamp(job.name), *(masks.stamp(name) for name in job.masks if masks is not None)]
        if None not in stamps:
            found[job] = tuple(stamps)
    return found


def _annotated(config: ProtectConfig, dataset: str) -> Annotated:
    """The data set; its pictures and masks."""
    from unseg_cli.protect.data_sets.masks import open_annotated  # reading data sets takes a second to import, and what they need

    return open_annotated(dataset, rule="all" if config.mask_rule == "nonzero" else config.mask_rule, split=config.split)


def _rest(config: ProtectConfig, annotated: Annotated, target: Store, manifest: Manifest, events: Events) -> Rest:
    """Copy what a data set consists of beside its pictures; with --dry-run only count it."""
    from unseg_cli.protect.data_sets.copying import Rest, copy_rest, other_files

    names, strangers = other_files(annotated)
    if not config.dry_run:
        copy_rest(annotated, names, target, manifest, events, overwrite=config.overwrite)
    return Rest(files=len(names), test_pictures=len(annotated.others), strangers=strangers)


def _task(config: ProtectConfig, settings: Settings, pictures: int) -> Task | None:
    """What processes of their own would do, where there are pictures enough for them."""
    if config.watch or not worth_starting(pictures, config.workers or cores()):
        return None
    return Task(settings=settings, generator=config.generator, sam_checkpoint=config.sam_checkpoint, device=config.device)


def _session(config: ProtectConfig) -> Session:
    return Session(open_runtime(config.generator, device=config.device, sam_checkpoint=config.sam_checkpoint))


def _settings(config: ProtectConfig) -> Settings:
    check_device(config.device)
    settings = Settings(
        budget=config.budget,
        target=config.target,
        mask_rule="nonzero" if config.dataset else config.mask_rule,
        per_class=config.per_class,
        format=config.format,
        quality=config.quality,
        metadata=config.metadata,
        longest_side=config.longest_side,
    )
    refuse_conflicts(config, settings.rule if config.dataset else rule_for(config.masks, config.mask_rule))
    return settings


def _plan(config: ProtectConfig, events: Events, annotated: Annotated | None = None) -> Plan:
    plan = plan_jobs(
        config.src,
        config.dst,
        format=config.format,
        include=config.include,
        exclude=config.exclude,
        limit=None if config.files_from or config.dataset else config.limit,
        may_be_none=config.watch,
    )
    if config.files_from:
        plan = plan.only(listed_in(config.files_from))
        plan = replace(plan, jobs=plan.jobs[: config.limit], passed_over="")
    root = plan.target.root if isinstance(plan.target, LocalStore) else config.dst
    refuse_extras(config.src, root, config.masks, {"--preview": config.preview, "--save-noise": config.save_noise})
    if plan.passed_over:
        events.info(f"passed over: {plan.passed_over}")
    if annotated is not None:
        from unseg_cli.protect.data_sets.masks import AnnotationMasks

        for note in annotated.data.notes:
            events.warn(note)
        return plan.of_data_set(AnnotationMasks(annotated, per_class=config.per_class), annotated.masks, limit=config.limit)
    if config.masks is None:
        return plan
    plan = plan.with_masks(config.masks, may_be_none=config.watch)
    without = sum(not job.masks for job in plan.jobs)
    if without:
        events.warn(f"{without} of {len(plan.jobs)} pictures have no mask: --target {config.target} is used for them")
    return plan

"""`unseg protect`: a tree of pictures in, the same tree with noise out.

Threads read and write while the network runs; pictures stream through, so that memory does not grow with their number.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, cast

import torch

from unseg_cli.core.device import pick_device, seed_everything
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.files import GeneratorFile, load_generator
from unseg_cli.generators.session import Session
from unseg_cli.models.build import Generator
from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.masks import rule_for
from unseg_cli.pictures.names import masks_by_stem, stem_of
from unseg_cli.protect.config import ProtectConfig
from unseg_cli.protect.in_memory import protect_image
from unseg_cli.protect.jobs import Job, Plan, plan_jobs, refuse_overlap, refuse_same
from unseg_cli.protect.manifest import NAME as MANIFEST_NAME
from unseg_cli.protect.manifest import Manifest, Row
from unseg_cli.protect.one import Claim, Context, Loaded, Noised, UpToDate, add, check_header, claim, failed_row, load, write

__all__ = ["protect", "protect_image"]

#: Pictures in one forward pass, where none are asked for.
BATCH_CPU, BATCH_GPU = 4, 16
#: A batch is full, and reading ahead pauses, at this many pixels: the noise of one takes 12 bytes.
BATCH_PIXELS = 16_000_000
CLAIM = (
    "What this does: it lowers what a model can learn from these pictures when it is trained on them.",
    "What it does not do: it does not stop a model that is already trained from working on them.",
)
_SMALLEST_EPSILON = 1 / 255 - 1e-9


@dataclass
class _Tally:
    """What has happened so far."""

    protected: list[Row] = field(default_factory=list)
    skipped: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)
    would: int = 0


def protect(config: ProtectConfig, events: Events) -> Report:
    """Protect a picture or a folder of pictures.

    Args:
        config: what to protect and how.
        events: receives progress, notes and failures as they happen.

    Returns:
        A report; exit code 1 where some picture failed.

    Raises:
        UsageProblem: settings that cannot be honoured.
        NothingToDo: no picture in SRC.
        EnvironmentProblem: weights or device are not there.
        KeyboardInterrupt: finished pictures stay.
    """
    started = time.perf_counter()
    if max(config.budget.foreground, config.budget.background) < _SMALLEST_EPSILON:
        raise UsageProblem("both epsilons are below 1/255: no pixel of an 8-bit picture would change", hint="give --epsilon 8/255 or so")
    plan = plan_jobs(config.src, config.dst, format=config.format, include=config.include, exclude=config.exclude, limit=config.limit)
    _refuse_overlaps(config, plan)
    rule = rule_for(config.masks, config.mask_rule)
    if config.per_class and (config.masks is None or rule.colour):
        raise UsageProblem(
            f"--per-class needs masks of class numbers, not {'--mask-rule ' + rule.name if rule.colour else 'none'}",
            hint="give --masks DIR --mask-rule not-void, or class:7,9",
        )
    masks = _masks(config, plan, events)
    device = pick_device(config.device)
    seed_everything(config.seed)
    generator = load_generator(config.generator, device=device, sam_checkpoint=config.sam_checkpoint)
    source = cast(GeneratorFile, generator.source)
    context = Context(
        config=config,
        manifest=Manifest.read(plan.root),
        masks=masks,
        rule=rule,
        generator=source.name,
        generator_sha256=source.sha256,
    )
    tally = _Tally()
    events.start(len(plan.jobs), "would protect" if config.dry_run else "protecting")
    try:
        if config.dry_run:
            _dry_run(context, plan, tally, events)
        else:
            _remove_leftovers(plan)
            _stream(context, plan, generator, tally, events)
    except KeyboardInterrupt:
        events.info(f"interrupted: {len(tally.protected)} pictures are done and stay; the same command goes on with the rest")
        raise
    finally:
        if not config.dry_run:
            with contextlib.suppress(OSError):  # it is only untidy
                context.manifest.settle()
        events.stop()
    return _report(context, tally, time.perf_counter() - started, events)


def _refuse_overlaps(config: ProtectConfig, plan: Plan) -> None:
    """Previews and noise files replace what has their name: never among originals, masks, or the pictures that are to be published.

    Raises:
        UsageProblem: a folder that is written to is, or lies in, one whose files must stay as they are.
    """
    extras = [(option, folder) for option, folder in (("--preview", config.preview), ("--save-noise", config.save_noise)) if folder]
    tree = config.src.is_dir()
    trees = [("SRC", config.src), ("DST", plan.root)] if tree else []
    # What lies around a single picture, or around masks, may hold anything: of those the folder itself alone is refused.
    folders = [("--masks", config.masks)] if config.masks else []
    folders += [] if tree else [("SRC's folder", config.src.parent), ("DST's folder", plan.root)]
    for (option, written), (name, kept) in product(extras, trees):
        refuse_overlap(kept, written, option, of=name)
    for (option, written), (name, kept) in product(extras, folders):
        refuse_same(kept, written, option, of=name)
    if tree and config.masks:
        refuse_same(config.masks, plan.root, "DST", of="--masks")


def _masks(config: ProtectConfig, plan: Plan, events: Events) -> dict[str, list[Path]]:
    if config.masks is None:
        return {}
    masks = masks_by_stem(config.masks, [job.name for job in plan.jobs])
    without = sum(stem_of(job.name) not in masks for job in plan.jobs)
    if without:
        events.warn(f"{without} of {len(plan.jobs)} pictures have no mask: --target {config.target} is used for them")
    return masks


def _remove_leftovers(plan: Plan) -> None:
    """Delete half-written files of a run that was killed: temporary names that belong to files of this plan."""
    manifest = plan.root / MANIFEST_NAME
    wanted = {(path.parent, path.stem, path.suffix) for path in (manifest, *(job.dst for job in plan.jobs))}
    for folder in {parent for parent, _, _ in wanted}:
        if not folder.is_dir():
            continue
        for entry in os.scandir(folder):
            found = re.fullmatch(r"\.(.+)\.[a-z0-9_]{8}\.part(\.[^.]+)", entry.name)
            if found and (folder, found[1], found[2]) in wanted:
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _dry_run(context: Context, plan: Plan, tally: _Tally, events: Events) -> None:
    for job in plan.jobs:
        try:
            claimed = claim(context, job)
            if isinstance(claimed, Claim):
                check_header(claimed)
                tally.would += 1
                events.info(f"would protect {job.name} -> {job.dst}")
            else:
                tally.skipped += 1
                events.info(f"would skip {job.name}: done already")
        except UnsegError as problem:
            tally.failures.append({"path": job.name, "error": problem.message, "hint": problem.hint})
            events.warn(f"{job.name}: {problem.message}")
        events.advance()


def _stream(context: Context, plan: Plan, generator: Generator, tally: _Tally, events: Events) -> None:
    """Read ahead, run the network batch by batch, write behind."""
    config = context.config
    workers = max(config.workers, 1)
    on_cpu = next(generator.parameters()).device.type == "cpu"
    size = config.batch_size or (BATCH_CPU if on_cpu else BATCH_GPU)
    waiting = deque(plan.jobs)
    reading: deque[tuple[Job, Future[Loaded | UpToDate]]] = deque()
    batch: list[Loaded] = []
    writing: deque[tuple[Job, Future[Row]]] = deque()

    def read(job: Job) -> Loaded | UpToDate:
        claimed = claim(context, job)
        return load(context, claimed) if isinstance(claimed, Claim) else claimed

    pool = ThreadPoolExecutor(workers, thread_name_prefix="unseg")
    try:
        while waiting or reading or batch or writing:
            if config.fail_fast and tally.failures:
                waiting.clear()
                reading.clear()
                batch.clear()
            while waiting and len(reading) < size + workers and _pixels_ahead(reading) < BATCH_PIXELS:
                reading.append((waiting[0], pool.submit(read, waiting.popleft())))
            if reading:
                job, loaded = reading.popleft()
                with _failures_of(job, context, tally, events):
                    outcome = loaded.result()
                    if isinstance(outcome, Loaded):
                        batch.append(outcome)
                    else:
                        tally.skipped += 1
                        events.advance()
            full = len(batch) >= size or sum(_area(one) for one in batch) >= BATCH_PIXELS
            if batch and (full or not reading):
                for noised in _noised(context, generator, batch, tally, events):
                    writing.append((noised.loaded.claim.job, pool.submit(write, context, noised)))
                batch.clear()
            while writing and (len(writing) > workers or not (reading or waiting)):
                job, written = writing.popleft()
                with _failures_of(job, context, tally, events):
                    _count(written.result(), tally, events)
    finally:
        # Also after Ctrl-C: pictures that are being written are finished, nothing new is begun.
        pool.shutdown(wait=True, cancel_futures=True)


def _pixels_ahead(reading: deque[tuple[Job, Future[Loaded | UpToDate]]]) -> int:
    done = [future.result() for _, future in reading if future.done() and not future.exception()]
    return sum(_area(outcome) for outcome in done if isinstance(outcome, Loaded))


def _area(loaded: Loaded) -> int:
    height, width = loaded.picture.size
    return height * width


def _noised(context: Context, generator: Generator, batch: list[Loaded], tally: _Tally, events: Events) -> Iterator[Noised]:
    """Run the network on a batch; one that does not fit into memory is run picture by picture."""
    try:
        yield from _forward(context, generator, batch)
    except (MemoryError, RuntimeError) as problem:
        if not _is_out_of_memory(problem):
            raise
        if len(batch) > 1:
            events.detail("out of memory: going on picture by picture")
            for loaded in batch:
                yield from _noised(context, generator, [loaded], tally, events)
            return
        with _failures_of(batch[0].claim.job, context, tally, events):
            raise UnsegError("is too large for the memory", hint="give --device cpu, or scale it down") from None


def _forward(context: Context, generator: Generator, batch: list[Loaded]) -> list[Noised]:
    started = time.perf_counter()
    images = [visible_rgb(loaded.picture.pixels, loaded.picture.space) for loaded in batch]
    masks = [loaded.mask for loaded in batch]
    made = Session(generator).noise(images, masks, target=context.config.target, spare=context.config.spare)
    share = (time.perf_counter() - started) / len(batch)
    return [add(context, loaded, noise, share) for loaded, noise in zip(batch, made, strict=True)]


def _is_out_of_memory(problem: BaseException) -> bool:
    text = str(problem).lower()
    return isinstance(problem, MemoryError | torch.OutOfMemoryError) or "out of memory" in text or "not enough memory" in text


def _count(row: Row, tally: _Tally, events: Events) -> None:
    tally.protected.append(row)
    for note in row["notes"]:
        events.warn(f"{row['src']}: {note}")
    events.detail(f"{row['src']}: {row['mask_source']}, largest change {row['linf_255']:.4g}/255")
    events.advance()


@contextlib.contextmanager
def _failures_of(job: Job, context: Context, tally: _Tally, events: Events) -> Iterator[None]:
    """Record what goes wrong with one picture, and go on."""
    try:
        yield
    except (UnsegError, OSError, MemoryError) as problem:
        if isinstance(problem, OSError):
            problem = UnsegError(f"cannot be written ({problem.strerror or problem})", hint="check permissions and free space of DST")
        elif isinstance(problem, MemoryError):
            problem = UnsegError("is too large for the memory", hint="scale it down, or use fewer --workers")
        tally.failures.append({"path": job.name, "error": problem.message, "hint": problem.hint})
        with contextlib.suppress(OSError):  # a full disk: the report says it all the same
            context.manifest.append(failed_row(context, job, problem))
        events.warn(f"{job.name}: {problem.message}" + (f" - {problem.hint}" if problem.hint else ""))
        events.advance()


def _report(context: Context, tally: _Tally, seconds: float, events: Events) -> Report:
    rows = tally.protected
    empty = sum(row["mask_empty"] for row in rows)
    if empty:
        masked = empty + sum(row["mask_source"] == "file" for row in rows)
        events.warn(
            f"{empty} of {masked} masks mark nothing under --mask-rule {context.rule.name}: those pictures are protected as a whole"
        )
    sources = Counter(row["mask_source"] for row in rows)
    images = len(rows) + tally.skipped + len(tally.failures) + tally.would
    document: dict[str, Any] = {
        "schema": 1,
        "command": "protect",
        "images": images,
        "protected": len(rows),
        "skipped": tally.skipped,
        "failed": len(tally.failures),
        "linf_255_max": max((row["linf_255"] for row in rows), default=None),
        "linf_255_max_lossless": max((row["linf_255"] for row in rows if row["lossless"]), default=None),
        "psnr_mean": _mean([row["psnr"] for row in rows]),
        "ssim_mean": _mean([row["ssim"] for row in rows]),
        "seconds": round(seconds, 3),
        "images_per_second": round(len(rows) / seconds, 3) if seconds else 0.0,
        "mask_source": {name: sources[name] for name in ("file", "auto", "whole")},
        "generator": {"name": context.generator, "sha256": context.generator_sha256},
        "failures": tally.failures,
        "src_bytes": sum(row["src_bytes"] for row in rows),
        "dst_bytes": sum(row["dst_bytes"] for row in rows),
    }
    if context.config.dry_run:
        document |= {"dry_run": True, "would_protect": tally.would}
        closing = [f"dry run: {tally.would} pictures would be protected; nothing was written"]
    else:
        closing = _closing(document, any(not row["lossless"] for row in rows))
    return Report(document=document, exit_code=1 if tally.failures else 0, closing=tuple(closing))


def _closing(document: dict[str, Any], lossy: bool) -> list[str]:
    lines = []
    if document["protected"]:
        lines.append(f"size of the files: {document['src_bytes'] / 1e6:.1f} MB before, {document['dst_bytes'] / 1e6:.1f} MB after")
        if lossy:
            lines.append("The noise keeps to its budget; the largest change of JPEG and WebP files includes what the codec itself changed.")
    return [*lines, *CLAIM]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None

"""`unseg train`: teach the encoder objects, then noise and surrogate against each other. Read `train` first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import torch

from unseg_cli.core.device import seed_everything
from unseg_cli.core.events import Events, Report
from unseg_cli.datasets.augment import FOCUS_SCALES
from unseg_cli.datasets.batches import Batch, Rows, Unreadable, batches, pictures_in
from unseg_cli.datasets.training_set import TrainingSet
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.train.checkpoint import load_checkpoint
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.dry_run import dry_run
from unseg_cli.train.interrupts import LateInterrupt
from unseg_cli.train.learners import Learners
from unseg_cli.train.processes import Processes
from unseg_cli.train.report import SAMPLES, draw_curves, draw_samples, write_generator
from unseg_cli.train.run_folder import RunFolder, earlier_run
from unseg_cli.train.schedule import Schedule, learning_rate_factor
from unseg_cli.train.setup import build_learners, open_sets, schedule_of, spec_of, starting_weights


def train(config: TrainConfig, events: Events) -> Report:
    """Run, or resume, a training; see `unseg_cli.train.config` for the settings, `Processes` for several processes.

    Raises:
        UnsegError: no data, no weights to start from, a run that is there already or has other settings, a loss that is not finite.
        KeyboardInterrupt: with how many steps are done, after the checkpoint was saved.
    """
    if config.dry_run:
        return dry_run(config, events)
    processes, spec = Processes(config.device, config.precision), spec_of(config)
    earlier = earlier_run(config) if processes.main else None
    hashes, sets = starting_weights(config).hashes(spec), open_sets(config, events if processes.main else Events())
    unreadable = Unreadable(events)  # of whatever process
    if not processes.main:  # one of several: the main one writes and says the rest
        return _train(config, processes, Events(), earlier, hashes, sets, unreadable)
    with LocalStore(config.out).locked():  # two runs would write over each other's checkpoint
        return _train(config, processes, events, earlier, hashes, sets, unreadable)


def _train(
    config: TrainConfig,
    processes: Processes,
    events: Events,
    earlier: dict[str, Any] | None,
    hashes: dict[str, str],
    sets: list[TrainingSet],
    unreadable: Unreadable,
) -> Report:
    spec = spec_of(config)
    seed_everything(config.seed)
    learners = build_learners(config, spec, processes, events)
    schedule = schedule_of(config, pictures_in(sets))
    step = load_checkpoint(config.out, learners) if config.resume else 0
    processes.wait()
    folder = RunFolder(config, earlier, step=step, pictures=pictures_in(sets), weights=hashes, processes=processes)
    started, whole = time.monotonic(), True
    events.start(schedule.total, "training", done=step)
    try:
        with LateInterrupt() as interrupt:
            for batch in training_batches(config, sets, spec.image_size, schedule, step, processes.rows(config.batch_size)):
                turn, seed = schedule.turn(step), config.seed * 1_000_003 + step
                rate = learning_rate_factor(schedule.progress(step), step_decay=config.step_decay)
                whole = False
                loss = learners.learn(turn, to_device(batch, processes.device), seed=seed, rate=rate)
                step, whole = step + 1, True
                unreadable.add(batch.unreadable)
                folder.record(turn=turn, step=step, loss=loss, seconds=time.monotonic() - started)
                events.advance(1, f"{turn} {loss:.3f}")
                if step % config.save_every == 0:
                    folder.save(learners, step)
                interrupt.check()
                if config.max_minutes is not None and processes.any(time.monotonic() - started > config.max_minutes * 60):
                    break
    except (KeyboardInterrupt, RuntimeError) as problem:
        if isinstance(problem, RuntimeError) and not interrupt.asked:  # Ctrl-C ends the processes that read pictures, too
            raise
        if whole:  # a second Ctrl-C may have come in the middle of a step: then the last checkpoint is what there is
            folder.save(learners, step)
        raise KeyboardInterrupt(f"interrupted: {step} of {schedule.total} steps are done") from None
    events.stop()
    folder.save(learners, step)
    return finish(config, folder, learners, sets, events, step=step, of=schedule.total, unreadable=unreadable)


def finish(
    config: TrainConfig,
    folder: RunFolder,
    learners: Learners,
    sets: list[TrainingSet],
    events: Events,
    *,
    step: int,
    of: int,
    unreadable: Unreadable,
) -> Report:
    """Curves, samples and, after the last step, the generator."""
    document: dict[str, Any] = {"schema": 1, "command": "train", "out": str(config.out), "steps": step, "planned_steps": of}
    document |= {"unreadable": len(unreadable), "generator": None}
    if not folder.writes:
        return Report(document={})
    draw_curves(config.out, events)
    spec, device = learners.generator.spec, learners.processes.device
    draw_samples(config.out, learners.generator, *sample_pictures(sets, spec.image_size, config.seed + 1, device))
    if step < of:
        return Report(document=document, closing=(f"{step} of {of} steps are done; go on with the same command and --resume",))
    sam_sha256 = starting_weights(config).sam_sha256(spec, folder.run["weights"])
    path = write_generator(config.out, learners.generator, folder.run, sam_sha256=sam_sha256)
    document["generator"] = str(path)
    more = f" --sam-checkpoint {config.sam_checkpoint or config.init}" if sam_sha256 is not None else ""
    return Report(document=document, closing=(f"the generator is {path}; use it with --generator {path}{more}",))


def training_batches(config: TrainConfig, sets: list[TrainingSet], size: int, schedule: Schedule, step: int, rows: Rows) -> Iterator[Batch]:
    """These rows of the batches from this step on. In the second stage pictures are cut less, as `protect` does not cut them at all."""
    return chain.from_iterable(
        batches(
            sets,
            size=size,
            batch_size=config.batch_size,
            seed=config.seed,
            start_step=max(start, step),
            stop_step=stop,
            workers=config.workers,
            scales=scales,
            rows=rows,
        )
        for (start, stop), scales in zip(schedule.stages, (config.scales, FOCUS_SCALES, config.scales), strict=True)
        if stop > max(start, step)
    )


def sample_pictures(sets: list[TrainingSet], size: int, seed: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Uncut pictures (B, 3, S, S) and masks (B, 1, S, S) for samples.png."""
    feed = batches(sets, size=size, batch_size=SAMPLES, seed=seed, start_step=0, stop_step=1, workers=0, scales=(1.0, 1.0))
    batch = next(iter(feed))
    return batch.image.to(device), batch.mask.to(device)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where the model is, in its memory format."""
    image = batch.image.to(device=device, memory_format=torch.channels_last)
    return replace(batch, image=image, mask=batch.mask.to(device))

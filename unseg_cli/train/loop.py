"""`unseg train`: teach the encoder objects, then noise and surrogate against each other. Read `train` first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch

from unseg_cli.core.device import pick_device, seed_everything
from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.core.events import Events, Report
from unseg_cli.datasets.augment import FOCUS_SCALES, SCALES
from unseg_cli.datasets.batches import Batch, batches, pictures_in
from unseg_cli.datasets.registry import open_training
from unseg_cli.datasets.training_set import TrainingSet
from unseg_cli.models.specs import SPECS, GeneratorSpec
from unseg_cli.train.checkpoint import load_checkpoint, save_checkpoint
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.learners import Learners, make_learners
from unseg_cli.train.report import SAMPLES, draw_curves, draw_samples, write_generator
from unseg_cli.train.run_folder import begin_part, earlier_run, record
from unseg_cli.train.schedule import Schedule, learning_rate_factor, plan
from unseg_cli.train.start import StartingWeights, initial_generator, initial_surrogate
from unseg_cli.train.steps import loss_of


def train(config: TrainConfig, events: Events) -> Report:
    """Run, or resume, a training; see `unseg_cli.train.config` for the settings.

    Raises:
        UnsegError: no data, no weights to start from, a run that is there already or has other settings, a loss that is not finite.
        KeyboardInterrupt: with how many steps are done, after the checkpoint was saved.
    """
    earlier, spec = earlier_run(config), spec_of(config)
    device, settings = pick_device(config.device), config.step_settings
    weights = StartingWeights(init=config.init, sam_parts=config.sam_parts, surrogate_init=config.surrogate_init)
    hashes = weights.hashes(spec)
    seed_everything(config.seed)
    sets = open_training(config.data)
    learners = build_learners(config, spec, weights, device, events)
    schedule = schedule_of(config, pictures_in(sets))
    step = load_checkpoint(config.out, learners) if earlier else 0
    run = begin_part(config, earlier, step=step, pictures=pictures_in(sets), weights=hashes, device=device.type)
    started = time.monotonic()
    events.start(schedule.total, "training", done=step)
    try:
        for batch in training_batches(config, sets, spec.image_size, schedule, step):
            turn = schedule.turn(step)
            learners.set_turn(turn)
            rng = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
            loss = loss_of(turn, learners.generator, learners.surrogate, to_device(batch, device), settings, rng)
            learners.update(turn, loss, learning_rate_factor(schedule.progress(step), step_decay=config.step_decay))
            step += 1
            record(config.out, turn=turn, step=step, loss=loss.item(), seconds=time.monotonic() - started)
            events.advance(1, f"{turn} {loss.item():.3f}")
            if step % config.save_every == 0:
                save_checkpoint(config.out, learners, step)
            if config.max_minutes is not None and time.monotonic() - started > config.max_minutes * 60:
                break
    except KeyboardInterrupt:
        save_checkpoint(config.out, learners, step)
        raise KeyboardInterrupt(f"interrupted: {step} of {schedule.total} steps are done") from None
    events.stop()
    save_checkpoint(config.out, learners, step)
    draw_curves(config.out, events)
    draw_samples(config.out, learners.generator, *sample_pictures(sets, spec.image_size, config.seed + 1, device))
    document: dict[str, Any] = {"schema": 1, "command": "train", "out": str(config.out), "steps": step, "planned_steps": schedule.total}
    if step < schedule.total:
        hint = f"{step} of {schedule.total} steps are done; go on with the same command and --resume"
        return Report(document={**document, "generator": None}, closing=(hint,))
    path = write_generator(config.out, learners.generator, run)
    return Report(document={**document, "generator": str(path)}, closing=(f"the generator is {path}; use it with --generator {path}",))


def spec_of(config: TrainConfig) -> GeneratorSpec:
    """The generator's spec at the training's image size.

    Raises:
        UsageProblem: an unknown generator, or stages that it does not have.
    """
    if config.generator not in SPECS:
        raise UsageProblem(f"no generator is called {config.generator!r}", hint=did_you_mean(config.generator, list(SPECS)))
    spec = SPECS[config.generator].at_size(config.image_size)
    if max(config.object_epochs, config.focus_epochs) > 0 and not spec.finds_objects:
        raise UsageProblem(f"{spec.name} does not find objects", hint="pass --object-epochs 0 --focus-epochs 0")
    return spec


def build_learners(config: TrainConfig, spec: GeneratorSpec, weights: StartingWeights, device: torch.device, events: Events) -> Learners:
    """Networks with their starting weights, on the device."""
    generator = initial_generator(spec, weights)
    surrogate = initial_surrogate(spec, config.surrogate_size, weights, events)
    return make_learners(generator, surrogate, config.rates, device)


def schedule_of(config: TrainConfig, pictures: int) -> Schedule:
    """The schedule for so many pictures."""
    return plan(
        epochs=(config.object_epochs, config.focus_epochs, config.epochs),
        steps_per_epoch=max(1, pictures // config.batch_size),
        max_steps=config.max_steps,
        block_steps=config.block_steps,
        surrogate_every=config.surrogate_every,
    )


def training_batches(config: TrainConfig, sets: list[TrainingSet], size: int, schedule: Schedule, step: int) -> Iterator[Batch]:
    """The batches from this step on. In the second stage pictures are cut less, as `protect` does not cut them at all."""
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
        )
        for (start, stop), scales in zip(schedule.stages, (SCALES, FOCUS_SCALES, SCALES), strict=True)
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
    return Batch(image, batch.mask.to(device), batch.salient)

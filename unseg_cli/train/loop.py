"""`unseg train`: teach the encoder objects, then noise and surrogate against each other. Read `train` first."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from unseg_cli.core.device import pick_device, seed_everything
from unseg_cli.core.errors import UnsegError
from unseg_cli.core.events import Events, Report
from unseg_cli.core.runs import append_jsonl, environment_versions, write_json_atomically
from unseg_cli.datasets.augment import FOCUS_SCALES, SCALES
from unseg_cli.datasets.batches import Batch, batches, open_sources, pictures_in
from unseg_cli.datasets.sources import Source
from unseg_cli.models.lite.generator import LiteGenerator
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.learners import FINDING, Learners, build_learners, load_checkpoint, save_checkpoint
from unseg_cli.train.report import draw_curves, draw_samples, write_generator
from unseg_cli.train.schedule import Schedule, learning_rate_factor, plan
from unseg_cli.train.steps import noise_step, object_step, surrogate_step


def train(config: TrainConfig, events: Events) -> Report:
    """Run, or resume, a training; see `unseg_cli.train.config` for the settings.

    Raises:
        UnsegError: no data, no weights to start from, a loss that is not finite.
        KeyboardInterrupt: after the checkpoint was saved.
    """
    device = pick_device(config.device)
    seed_everything(config.seed)
    sources = open_sources(config.data)
    learners = build_learners(config, device)
    schedule = plan(config, pictures_in(sources))
    step = load_checkpoint(config, learners) if config.resume else start_run(config)
    started = time.monotonic()
    feed = training_batches(config, sources, learners.generator.spec.image_size, schedule, step)
    events.start(schedule.total, "training")
    events.advance(step)
    try:
        for batch in feed:
            turn = schedule.turn(step)
            learners.set_turn(turn)
            loss = one_step(turn, learners, to_device(batch, device), config, torch.Generator().manual_seed(config.seed * 1_000_003 + step))
            learners.update(turn, loss, learning_rate_factor(config, schedule.progress(step)))
            step += 1
            record(config, turn, step, loss, started, events)
            if step % config.save_every == 0:
                save_checkpoint(config, learners, step)
            if config.max_minutes is not None and time.monotonic() - started > config.max_minutes * 60:
                break
    except KeyboardInterrupt:
        save_checkpoint(config, learners, step)
        events.warn(f"stopped at step {step} of {schedule.total}; go on with the same command and --resume")
        raise
    events.stop()
    save_checkpoint(config, learners, step)
    return finish(config, learners, sources, step, schedule, events)


def one_step(turn: str, learners: Learners, batch: Batch, config: TrainConfig, rng: torch.Generator) -> torch.Tensor:
    """The loss of one step of this kind."""
    torch.manual_seed(rng.initial_seed())  # the sampled loss draws on the device
    with torch.autocast(batch.image.device.type, torch.bfloat16, enabled=config.amp):
        if turn in FINDING:
            assert isinstance(learners.generator, LiteGenerator)  # no other kind has this stage: `plan` gives it no steps
            empty_share = config.focus_prompt_free_share if turn == "focus" else config.prompt_free_share
            loss = object_step(learners.generator, batch, config, rng, empty_share)
        elif turn == "surrogate":
            loss = surrogate_step(learners.generator, learners.surrogate, batch, config, rng)
        else:
            loss = noise_step(learners.generator, learners.surrogate, batch, config, rng)
    if not math.isfinite(loss.item()):
        raise UnsegError(f"the {turn} loss is {loss.item()}", hint="lower --lr; the last checkpoint is whole, --resume goes on from it")
    return loss


def training_batches(config: TrainConfig, sources: list[Source], size: int, schedule: Schedule, step: int) -> Iterator[Batch]:
    """The batches from this step on. In the second stage pictures are cut less, as `protect` does not cut them at all."""
    return chain.from_iterable(
        batches(
            sources,
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


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where the model is, in its memory format."""
    image = batch.image.to(device=device, memory_format=torch.channels_last)
    return Batch(image, batch.mask.to(device), batch.salient)


def start_run(config: TrainConfig) -> int:
    """Write run.json in a new run folder; step 0.

    Raises:
        UnsegError: the folder holds a run already.
    """
    if (config.out / "run.json").exists():
        raise UnsegError(f"{config.out} holds a run already", hint="add --resume to go on with it, or choose another --out")
    config.out.mkdir(parents=True, exist_ok=True)
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in dataclasses.asdict(config).items()}
    document = {"schema": 1, "command": "train", "argv": sys.argv[1:], "settings": settings, "versions": environment_versions()}
    write_json_atomically(config.out / "run.json", document)
    return 0


def record(config: TrainConfig, turn: str, step: int, loss: torch.Tensor, started: float, events: Events) -> None:
    """One line of metrics.jsonl."""
    entry: dict[str, Any] = {"step": step, "turn": turn, "loss": round(loss.item(), 5), "seconds": round(time.monotonic() - started, 2)}
    append_jsonl(config.out / "metrics.jsonl", entry)
    events.advance(1, f"{turn} {entry['loss']:.3f}")


def finish(config: TrainConfig, learners: Learners, sources: list[Any], step: int, schedule: Schedule, events: Events) -> Report:
    """Curves, samples and, where the schedule was completed, the generator with its card."""
    draw_curves(config.out, events)
    draw_samples(config, learners.generator, sources, events)
    document: dict[str, Any] = {"schema": 1, "command": "train", "out": str(config.out), "steps": step, "planned_steps": schedule.total}
    if step < schedule.total:
        hint = f"{step} of {schedule.total} steps are done; go on with the same command and --resume"
        return Report(document={**document, "generator": None}, closing=(hint,))
    path = write_generator(config, learners.generator)
    return Report(document={**document, "generator": str(path)}, closing=(f"the generator is {path}; use it with --generator {path}",))

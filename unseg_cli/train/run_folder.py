"""The run's folder: run.json, which says what made the run and in how many parts, metrics.jsonl, and the checkpoint."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.core.runs import (
    TRAINING,
    append_jsonl,
    environment_versions,
    read_jsonl,
    read_training,
    write_atomically,
    write_json_atomically,
)
from unseg_cli.train.checkpoint import save_checkpoint
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.learners import Learners
from unseg_cli.train.presets import command_line, without_option
from unseg_cli.train.processes import Processes

RUN, METRICS = "run.json", "metrics.jsonl"

#: What --resume may change: where and how long it runs and what is kept on the way, not what comes out. Schedule, learning rates, pictures
#: and the seed decide that together, from the first step on.
MAY_DIFFER = frozenset({"out", "resume", "dry_run", "max_minutes", "workers", "device", "save_every", "accumulate", "recompute"})


def earlier_run(config: TrainConfig) -> dict[str, Any] | None:
    """run.json of the run to go on with; None for a new one. Nothing is written.

    Raises:
        UsageProblem: the folder holds a run and --resume was not passed, or the other way round, or the run has other settings.
    """
    run = read_training(config.out)
    if not config.resume:
        if (config.out / RUN).exists():
            hint = "pass another --out" if run is None else "add --resume to go on with it, or pass another --out"
            raise UsageProblem(f"--out {config.out} holds a run already", hint=hint)
        return None
    if run is None:
        raise UsageProblem(f"--resume: {config.out} holds no training to go on with", hint="omit --resume to start one, or check --out")
    before, now = run["settings"], _json(config)
    changed = [name for name in now if name not in MAY_DIFFER and name in before and before[name] != now[name]]
    if changed:
        listing = ", ".join(f"{name} (was {before[name]}, now {now[name]})" for name in changed)
        raise UsageProblem(
            f"--resume: {config.out} was started with other settings: {listing}",
            hint="repeat the options that it was started with, or start another run with another --out",
        )
    return run


def begin_part(
    config: TrainConfig, earlier: dict[str, Any] | None, *, step: int, pictures: int, weights: dict[str, str], device: str
) -> dict[str, Any]:
    """Write run.json with one more part, from this step on, and forget metrics of later steps: a kill came before their checkpoint.

    Args:
        config: the settings; those of a run's first part stay in its run.json.
        earlier: from `earlier_run`.
        step: steps done.
        pictures: how many an epoch has.
        weights: SHA-256 of the files that the training started from, by option.
        device: that it runs on.

    Raises:
        UsageProblem: the data has another number of pictures than when the run was started.
    """
    fresh = {
        "schema": 1,
        "command": TRAINING,
        "settings": _json(config),
        "pictures": pictures,
        "weights": weights,
        "versions": environment_versions(),
        "parts": [],
    }
    run = {**fresh, **(earlier or {})}
    if run["pictures"] != pictures:
        raise UsageProblem(
            f"--resume: {config.out} was started with {run['pictures']} pictures, --data {config.data} has {pictures} now",
            hint="restore the pictures that it had, or start another run with another --out",
        )
    part = {"from_step": step, "command": command_line(config), "without_option": without_option(config), "device": device}
    run["parts"] = [*run["parts"], json.loads(json.dumps(part, default=str))]
    write_json_atomically(config.out / RUN, run)
    if earlier is not None:
        _keep_metrics(config.out / METRICS, step)
    return run


class RunFolder:
    """The folder of a run that goes on. Of several processes only the main one writes; the others' calls do nothing.

    Args:
        config: the settings.
        earlier: from `earlier_run`.
        step: steps done.
        pictures: how many an epoch has.
        weights: SHA-256 of the files that the training started from.
        processes: that train together.

    Attributes:
        run: what run.json holds.
        writes: whether this process writes.

    Raises:
        UsageProblem: see `begin_part`.
    """

    def __init__(
        self,
        config: TrainConfig,
        earlier: dict[str, Any] | None,
        *,
        step: int,
        pictures: int,
        weights: dict[str, str],
        processes: Processes,
    ) -> None:
        self.out, self.writes = config.out, processes.main
        self.run: dict[str, Any] = {}
        if self.writes:
            device = processes.device.type if processes.count == 1 else f"{processes.count} x {processes.device.type}"
            self.run = begin_part(config, earlier, step=step, pictures=pictures, weights=weights, device=device)

    def record(self, *, turn: str, step: int, loss: float, seconds: float) -> None:
        """One line of metrics.jsonl.

        Raises:
            UnsegError: it cannot be written; the checkpoint is as it was.
        """
        if self.writes:
            try:
                append_jsonl(self.out / METRICS, {"step": step, "turn": turn, "loss": round(loss, 5), "seconds": round(seconds, 2)})
            except OSError as problem:
                raise UnsegError(
                    f"{self.out / METRICS} cannot be written ({problem.strerror})", hint="make room, then go on with --resume"
                ) from None

    def save(self, learners: Learners, step: int) -> None:
        """See `save_checkpoint`."""
        if self.writes:
            save_checkpoint(self.out, learners, step)


def training_minutes(records: list[dict[str, Any]]) -> float:
    """Minutes over all resumed parts: `seconds` starts anew in each."""
    total, last = 0.0, 0.0
    for entry in records:
        if entry["seconds"] < last:
            total += last
        last = entry["seconds"]
    return (total + last) / 60


def _keep_metrics(path: Path, step: int) -> None:
    records = read_jsonl(path)
    kept = [entry for entry in records if entry["step"] <= step]
    if len(kept) < len(records):
        text = "".join(json.dumps(entry) + "\n" for entry in kept)
        write_atomically(path, lambda part: part.write_bytes(text.encode()))


def _json(config: TrainConfig) -> dict[str, Any]:
    """The settings as run.json holds them."""
    settings: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config), default=str))
    return settings

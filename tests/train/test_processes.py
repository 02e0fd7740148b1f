"""Several processes, or a batch in several parts, learn what one does at once."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.train.conftest import StopAt, learners_of, tiny
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.datasets.batches import Rows, batches
from unseg_cli.datasets.registry import open_training
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.loop import train
from unseg_cli.train.presets import train_config
from unseg_cli.train.processes import Processes

#: Losses of two ways to the same step: sums of floats in another order, and what eight steps make of it.
TOLERANCE = 2e-3
TORCHRUN = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone")
#: accelerate has several processes on GPUs, or by MPI.
ACCELERATE = ("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1", "--num_machines", "1", "--mixed_precision", "no",
              "--dynamo_backend", "no")  # fmt: skip


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


def launch(*options: object, start: tuple[str, ...] = TORCHRUN) -> subprocess.CompletedProcess[str]:
    """`unseg train` as a launcher starts it, on the processor; what all processes say comes back."""
    line = [sys.executable, *start, "-m", "unseg_cli", "train", *map(str, options)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=600, env=environment)


def options_of(config: TrainConfig) -> tuple[object, ...]:
    where = ("--sam-parts", config.sam_parts, "--out", config.out, "--device", "cpu")
    return ("--preset", "tiny", "--data", "synthetic", "--max-steps", "4", *where)


def test_two_processes_learn_what_one_does(tmp_path: Path, sam_parts: Path, whole_run: TrainConfig) -> None:
    config = tiny(tmp_path / "two", sam_parts)
    done = launch(*options_of(config))
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(config.out) == pytest.approx(losses(whole_run.out), abs=TOLERANCE)
    assert done.stdout.count("planned steps") == 1, "only one of them speaks"
    (part,) = json.loads((config.out / "run.json").read_text())["parts"]
    assert part["device"] == "2 x cpu"


def test_accelerate_launches_it(tmp_path: Path, sam_parts: Path, whole_run: TrainConfig) -> None:
    config = tiny(tmp_path / "run", sam_parts)
    done = launch(*options_of(config), "--max-minutes", "0", start=ACCELERATE)
    assert done.returncode == 0, done.stderr[-3000:]
    assert losses(config.out) == losses(whole_run.out)[:1]


def test_one_and_two_go_on_with_each_others_checkpoints(tmp_path: Path, sam_parts: Path, whole_run: TrainConfig) -> None:
    config = tiny(tmp_path / "run", sam_parts)
    with pytest.raises(KeyboardInterrupt):
        train(config, StopAt(3))
    assert launch(*options_of(config), "--resume", "--max-minutes", "0").returncode == 0
    assert len(losses(config.out)) == 4
    train(dataclasses.replace(config, resume=True), Events())
    assert losses(config.out) == pytest.approx(losses(whole_run.out), abs=TOLERANCE)
    devices = [part["device"] for part in json.loads((config.out / "run.json").read_text())["parts"]]
    assert devices == [devices[0], "2 x cpu", devices[0]]


@pytest.mark.parametrize(
    ("preset", "turn"), [("tiny", "objects"), ("tiny", "surrogate"), ("tiny", "noise"), ("paper", "surrogate"), ("paper", "noise")]
)
def test_a_batch_in_parts_gives_the_same_step(preset: str, turn: str, sam_parts: Path, small_vit: Path) -> None:
    changes: dict[str, Any] = {"image_size": 64, "surrogate_size": 64, "batch_size": 4}
    changes |= {"init": str(small_vit)} if preset == "paper" else {"sam_parts": sam_parts}
    after = []
    for accumulate in (1, 2, 3):
        torch.manual_seed(0)
        learners = learners_of(train_config(preset, accumulate=accumulate, **changes))
        (batch,) = batches(open_training("synthetic"), size=64, batch_size=4, seed=0, start_step=0, stop_step=1, workers=0)
        loss = learners.learn(turn, batch, seed=5, rate=1.0)
        gradients = [p.grad for group in learners.optimisers[turn].param_groups for p in group["params"] if p.grad is not None]
        after.append((loss, torch.cat([gradient.flatten() for gradient in gradients])))
    for loss, gradient in after[1:]:
        assert loss == pytest.approx(after[0][0], abs=1e-4)
        assert torch.allclose(gradient, after[0][1], atol=1e-4)


def test_what_is_computed_again_is_the_same(small_vit: Path, sam_parts: Path) -> None:
    for changes in ({"init": str(small_vit), "preset": "paper"}, {"sam_parts": sam_parts, "preset": "tiny"}):
        seen = []
        for again in (False, True):
            torch.manual_seed(0)
            config = train_config(**{"image_size": 64, "surrogate_size": 64, "recompute": again, **changes})
            learners = learners_of(config)
            assert learners.surrogate.image_encoder.recompute is again
            (batch,) = batches(open_training("synthetic"), size=64, batch_size=2, seed=0, start_step=0, stop_step=1, workers=0)
            learners.learn("surrogate", batch, seed=5, rate=1.0)
            seen.append(torch.cat([p.grad.flatten() for p in learners.surrogate.parameters() if p.grad is not None]))
        assert torch.allclose(*seen, atol=1e-5)


def test_rows_of_processes_are_the_rows_of_the_batch() -> None:
    def read(rows: Rows | None) -> tuple[torch.Tensor, list[bool]]:
        feed = batches(open_training("synthetic"), size=64, batch_size=4, seed=3, start_step=5, stop_step=7, workers=0, rows=rows)
        found = list(feed)
        return torch.stack([batch.image for batch in found]), [batch.salient for batch in found]

    whole, salient = read(None)
    halves = [read(Rows(first, 2, 4)) for first in (0, 2)]
    assert torch.equal(torch.cat([half[0] for half in halves], 1), whole)
    assert all(half[1] == salient for half in halves)


def test_a_batch_that_cannot_be_divided_is_a_usage_problem() -> None:
    processes = Processes("cpu")
    processes.count = 2
    assert processes.rows(4) == Rows(0, 2, 4)
    with pytest.raises(UsageProblem, match="--batch-size 3 cannot be divided among 2 processes"):
        processes.rows(3)


def test_half_precision_that_the_device_has_not_is_refused() -> None:
    with pytest.raises(UsageProblem, match="--amp-type fp16 needs a CUDA device") as caught:
        Processes("cpu", "fp16")
    assert "bf16" in caught.value.hint


def test_half_precision_learns_nearly_the_same(small_vit: Path) -> None:
    seen = []
    for amp in (False, True):
        torch.manual_seed(0)
        learners = learners_of(train_config("paper", init=str(small_vit), surrogate_size=64, amp=amp))
        (batch,) = batches(open_training("synthetic"), size=64, batch_size=2, seed=0, start_step=0, stop_step=1, workers=0)
        seen.append(learners.learn("surrogate", batch, seed=5, rate=1.0))
    assert seen[0] != seen[1]
    assert seen[0] == pytest.approx(seen[1], rel=0.05)


def test_a_checkpoint_holds_what_the_optimisers_know(whole_run: TrainConfig) -> None:
    tensors = load_file(whole_run.out / "checkpoint.safetensors")
    assert int(tensors["step"]) == 12
    for name in ("objects", "focus", "surrogate", "noise"):
        assert any(key.startswith(f"optimiser.{name}.0.exp_avg") for key in tensors), name

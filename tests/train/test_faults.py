"""Killed anywhere, a full disk, two runs at once, damaged pictures: a rerun comes to the same numbers, or the message says why not."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import disks
from tests.datasets.makers import write_sa1b
from tests.train.conftest import Heard, StopAt, learners_of, tiny
from unseg_cli.core.errors import EnvironmentProblem, UnsegError
from unseg_cli.core.events import Events
from unseg_cli.datasets import batches as batches_module
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.train import checkpoint
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.loop import train


def same(first: Path, second: Path) -> None:
    """Two runs came to the same, bit by bit."""
    expected, found = (load_file(out / "checkpoint.safetensors") for out in (first, second))
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name
    assert (first / "generator.safetensors").exists() and (second / "generator.safetensors").exists()
    losses = [[json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()] for out in (first, second)]
    assert losses[0] == losses[1]


#: Trains, and is killed at the n-th of these: half of a checkpoint is written, it is about to take the former one's place.
KILLED = """
import os, signal, sys
import torch
from pathlib import Path
from unseg_cli.core.events import Events
from unseg_cli.train import checkpoint
from unseg_cli.train.loop import train
from unseg_cli.train.presets import train_config

torch.set_num_threads(int(sys.argv[4]))  # sums of another number of threads round differently
left, save, move = int(sys.argv[1]), checkpoint.save_file, Path.replace

def tick(before_dying=lambda: None):
    global left
    left -= 1
    if left == 0:
        before_dying()
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows: the latter ends a process at once

def half(tensors, path):
    save(tensors, path)
    tick(lambda: os.truncate(path, os.path.getsize(path) // 2))

def moved(path, target):
    if Path(target).name == checkpoint.CHECKPOINT:
        tick()
    return move(path, target)

checkpoint.save_file, Path.replace = half, moved
train(train_config("tiny", data="synthetic", out=Path(sys.argv[2]), sam_parts=Path(sys.argv[3]), max_steps=4, save_every=2), Events())
"""


@pytest.mark.parametrize("kill_at", [2, 3])
def test_killed_while_a_checkpoint_is_written(kill_at: int, tmp_path: Path, sam_parts: Path, whole_run: TrainConfig) -> None:
    config = dataclasses.replace(tiny(tmp_path / "run", sam_parts), save_every=2)
    line = [sys.executable, "-c", KILLED, str(kill_at), str(config.out), str(sam_parts), str(torch.get_num_threads())]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == (signal.SIGTERM if os.name == "nt" else -signal.SIGKILL), done.stderr[-2000:]
    assert (config.out / "checkpoint.safetensors").exists() is (kill_at > 2)
    train(dataclasses.replace(config, resume=True), Events())
    same(whole_run.out, config.out)


@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_in_the_middle_of_a_step_waits_for_its_end(
    workers: int, tmp_path: Path, sam_parts: Path, whole_run: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, calls = tiny(tmp_path / "run", sam_parts, workers=workers), iter(range(100))
    original = torch.optim.AdamW.step

    def step(optimiser: torch.optim.AdamW, *more: object) -> object:
        if next(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return original(optimiser, *more)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        with pytest.raises(KeyboardInterrupt, match="5 of 12 steps are done"):
            train(config, Events())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    train(dataclasses.replace(config, resume=True), Events())
    same(whole_run.out, config.out)


def test_a_second_ctrl_c_ends_it_at_once_and_the_last_checkpoint_stays(
    tmp_path: Path, sam_parts: Path, whole_run: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, calls = dataclasses.replace(tiny(tmp_path / "run", sam_parts), save_every=2), iter(range(100))
    original = torch.optim.AdamW.step

    def step(optimiser: torch.optim.AdamW, *more: object) -> object:
        done = original(optimiser, *more)
        if next(calls) == 3:
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        with pytest.raises(KeyboardInterrupt, match="3 of 12 steps are done"):
            train(config, Events())
    assert int(load_file(config.out / "checkpoint.safetensors")["step"]) == 2
    train(dataclasses.replace(config, resume=True), Events())
    same(whole_run.out, config.out)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """It holds two checkpoints of up to 240 MB, as it has to while one takes the other's place."""
    with disks.small_disk(tmp_path / "disk", "700m") as where:
        yield where


def test_a_full_disk_keeps_the_checkpoint_and_a_rerun_goes_on(small_disk: Path, sam_parts: Path, whole_run: TrainConfig) -> None:
    config = dataclasses.replace(tiny(small_disk / "run", sam_parts), save_every=2)
    ballast = small_disk / "ballast"

    class Fill(StopAt):
        def advance(self, n: int = 1, note: str = "") -> None:
            self.left -= 1
            if self.left == 0:
                free = os.statvfs(small_disk)
                ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - 1_000_000))

    with pytest.raises(UnsegError, match=r"checkpoint\.safetensors cannot be written") as caught:
        train(config, Fill(3))
    assert "make room" in caught.value.hint
    assert not [name for name in os.listdir(config.out) if ".part" in name]
    assert int(load_file(config.out / "checkpoint.safetensors")["step"]) == 2
    ballast.unlink()
    train(dataclasses.replace(config, resume=True), Events())
    same(whole_run.out, config.out)


def test_a_second_run_on_the_folder_is_refused(tmp_path: Path, sam_parts: Path) -> None:
    config = tiny(tmp_path / "run", sam_parts)
    with LocalStore(config.out).locked(), pytest.raises(EnvironmentProblem, match="another run of unseg is writing"):
        train(config, Events())
    assert list(config.out.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(path.read_bytes()[:1000]), lambda path: path.write_bytes(b"")])
def test_a_damaged_checkpoint_is_said(damage: object, finished: Path, sam_parts: Path) -> None:
    damage(finished / "checkpoint.safetensors")  # type: ignore[operator]
    with pytest.raises(UnsegError, match=r"checkpoint\.safetensors cannot be read"):
        train(tiny(finished, sam_parts, resume=True), Events())


def test_a_checkpoint_of_an_earlier_version_is_said(tmp_path: Path, sam_parts: Path, finished: Path) -> None:
    config = tiny(finished, sam_parts, resume=True)
    tensors = load_file(finished / "checkpoint.safetensors")
    old = {name: tensor.clone() for name, tensor in tensors.items() if not name.startswith("optimiser.")}
    del tensors  # closes the file
    save_file(old, str(finished / "checkpoint.safetensors"))
    with pytest.raises(UnsegError, match="written by an earlier version"):
        checkpoint.load_checkpoint(finished, learners_of(config))


@pytest.mark.parametrize("workers", [0, 1])
def test_damaged_pictures_are_said_once_and_others_take_their_places(workers: int, tmp_path: Path, sam_parts: Path) -> None:
    write_sa1b(tmp_path / "data", count=6)
    broken = sorted((tmp_path / "data").rglob("*.jpg"))[2]
    broken.write_bytes(broken.read_bytes()[:200])
    config = tiny(tmp_path / "run", sam_parts, data=f"sa1b:{tmp_path / 'data'}", workers=workers)
    events = Heard()
    document = train(config, events).document
    (line,) = [line for line in events.lines if broken.name in line]
    assert line.endswith("another picture takes its place")
    assert document["steps"] == document["planned_steps"]
    assert document["unreadable"] == 1


def test_where_nothing_can_be_read_the_training_ends_and_says_why(tmp_path: Path, sam_parts: Path) -> None:
    write_sa1b(tmp_path / "data", count=3)
    for path in (tmp_path / "data").rglob("*.jpg"):
        path.write_bytes(b"no picture")
    with pytest.raises(UnsegError, match=f"{batches_module.GIVE_UP} pictures in a row cannot be read, first: .*jpg") as caught:
        train(tiny(tmp_path / "run", sam_parts, data=f"sa1b:{tmp_path / 'data'}", workers=0), Events())
    assert "--dry-run" in caught.value.hint

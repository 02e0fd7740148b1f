"""Tiny settings, a run that is done, and a paper's generator that is small."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from unseg_cli.core.events import Events
from unseg_cli.datasets.batches import Batch, batches
from unseg_cli.datasets.registry import open_training
from unseg_cli.models import specs
from unseg_cli.models.build import build_generator
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.learners import Learners
from unseg_cli.train.loop import train
from unseg_cli.train.presets import train_config
from unseg_cli.train.processes import Processes
from unseg_cli.train.setup import build_learners, spec_of

SMALL_VIT = specs.GeneratorSpec(
    kind="sam_vit", name="small", image_size=64, embed_stride=16, noise_size=16, vit_width=48, vit_depth=2, vit_heads=2,
    vit_global_blocks=(1,), vit_window=2,
)  # fmt: skip


class StopAt(Events):
    """Ctrl-C at a given step."""

    def __init__(self, step: int) -> None:
        self.left = step

    def advance(self, n: int = 1, note: str = "") -> None:
        self.left -= n if note else 0
        if self.left == 0:
            raise KeyboardInterrupt


class Heard(Events):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)

    def warn(self, message: str) -> None:
        self.lines.append(message)


def learners_of(config: TrainConfig) -> Learners:
    """As `train` builds them, on the CPU."""
    return build_learners(config, spec_of(config), Processes("cpu", config.precision), Events())


def first_batch(batch_size: int = 4) -> Batch:
    return next(iter(batches(open_training("synthetic"), size=64, batch_size=batch_size, seed=0, start_step=0, stop_step=1, workers=0)))


@pytest.fixture(scope="session")
def sam_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SAM's two parts with random weights: enough for the machinery."""
    torch.manual_seed(0)
    tensors = {k: v.contiguous() for k, v in build_generator("lite").state_dict().items() if k.startswith(("prompt_", "mask_"))}
    path = tmp_path_factory.mktemp("sam") / "parts.safetensors"
    save_file(tensors, str(path))
    return path


def tiny(out: Path, sam_parts: Path | None, **changes: Any) -> TrainConfig:
    """Four steps a stage."""
    return train_config("tiny", **{"data": "synthetic", "out": out, "sam_parts": sam_parts, "max_steps": 4, **changes})


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory, sam_parts: Path) -> TrainConfig:
    """A run that went through all stages uninterrupted. For reading alone: see `finished`."""
    config = tiny(tmp_path_factory.mktemp("whole") / "run", sam_parts)
    train(config, Events())
    return config


@pytest.fixture
def finished(tmp_path: Path, whole_run: TrainConfig) -> Path:
    """A copy of its folder that a test may change."""
    return Path(shutil.copytree(whole_run.out, tmp_path / "finished"))


@pytest.fixture
def small_vit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SAM's checkpoint, for a vit_b that is small in this test."""
    monkeypatch.setitem(specs.SPECS, "vit_b", SMALL_VIT)
    torch.manual_seed(0)
    sam = {k: v for k, v in build_generator(SMALL_VIT).state_dict().items() if not k.startswith("mask_decoder.noise_")}
    torch.save(sam, tmp_path / "sam.pth")
    return tmp_path / "sam.pth"

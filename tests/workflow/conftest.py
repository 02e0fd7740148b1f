"""A stand-in for the generator, so that the workflows around it are tested without weights and in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unseg_cli.checkpoints import GeneratorFile
from unseg_cli.config import ProtectConfig
from unseg_cli.events import Events, Report
from unseg_cli.noise import texture_noise
from unseg_cli.picture_noise import PictureNoise


class StandInGenerator(torch.nn.Linear):
    """Has what `protect` asks of a generator; the noise is a fixed texture."""

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.source = GeneratorFile(name="stand-in", path=Path("stand-in"), sha256="5" * 64)


def texture(generator: Any, images: list[Any], masks: list[Any], target: str) -> list[PictureNoise]:
    made = []
    for image, mask in zip(images, masks, strict=True):
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        region, source = mask, "file"
        if mask is None and target == "auto":
            region, source = np.zeros(image.shape[:2], bool), "auto"
            region[: image.shape[0] // 2] = True
        elif mask is None or not mask.any():
            region, source = np.ones(image.shape[:2], bool), "whole"
        made.append(PictureNoise(texture_noise(region, cells_per_side=24), region, source))
    return made


class Recorder(Events):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.infos: list[str] = []
        self.warnings: list[str] = []
        self.advanced = 0

    def info(self, message: str) -> None:
        self.infos.append(message)

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def advance(self, n: int = 1, note: str = "") -> None:
        self.advanced += n


@pytest.fixture
def events() -> Recorder:
    return Recorder()


@pytest.fixture
def run_protect(monkeypatch: pytest.MonkeyPatch, events: Recorder) -> Callable[..., Report]:
    """`protect` with the stand-in generator; keyword arguments are those of ProtectConfig."""
    import unseg_cli.protect as workflow

    monkeypatch.setattr(workflow, "load_generator", lambda *_, **__: StandInGenerator())
    monkeypatch.setattr(workflow, "picture_noise", texture)

    def run(src: Path, dst: Path, **changes: Any) -> Report:
        return workflow.protect(ProtectConfig(src=src, dst=dst, **{"device": "cpu", **changes}), events)

    return run

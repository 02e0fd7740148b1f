"""The settings of `unseg bench`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.budget import NoiseBudget


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Settings of `unseg bench`."""

    victims: tuple[str, ...] = ("unet",)
    data: str = "synthetic"
    task: str | None = None
    conditions: tuple[str, ...] = ("clean", "protected", "random")
    protect_masks: str = "gt"  # gt | auto | whole | uniform
    spare: bool | None = None  # None: see `picture_noise`
    mask_rule: str | None = None  # which labels are foreground when the data has label ids; None: the task's default
    budget: NoiseBudget = NoiseBudget()
    defences: tuple[str, ...] = ("none",)
    ratio: float = 1.0
    seeds: tuple[int, ...] = (0,)
    init: str = "pretrained"  # pretrained | scratch
    epochs: int | None = None  # None: the victim's own schedule
    image_size: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    limit: int | None = None
    generator: str = "lite"
    protected: Path | None = None
    out: Path = Path("runs/bench")
    resume: bool = False
    fail_under: float | None = None
    device: str = "auto"
    workers: int = 0

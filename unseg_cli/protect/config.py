"""The settings of `unseg protect` and `unseg verify`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.budget import NoiseBudget


@dataclass(frozen=True, kw_only=True)
class ProtectConfig:
    """Settings of `unseg protect` (see `unseg protect --help` for each)."""

    src: Path
    dst: Path
    masks: Path | None = None
    mask_rule: str = "nonzero"
    per_class: bool = False
    target: str = "auto"  # auto | whole | uniform
    spare: bool | None = None  # None: see `picture_noise`
    budget: NoiseBudget = NoiseBudget()
    generator: str = "lite"
    sam_checkpoint: Path | None = None
    format: str = "keep"  # keep | png | jpeg | webp
    quality: int | None = None
    metadata: str = "keep"  # keep | strip | strip-gps
    workers: int = 2
    batch_size: int | None = None  # None: chosen by the workflow
    limit: int | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    overwrite: bool = False
    fail_fast: bool = False
    dry_run: bool = False
    save_noise: Path | None = None
    preview: Path | None = None
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class VerifyConfig:
    """Settings of `unseg verify`. Without a budget the one in the manifest is checked, else the default."""

    src: Path
    dst: Path
    budget: NoiseBudget | None = None
    masks: Path | None = None  # where the foreground's bound ends and the background's begins; None: the larger one counts everywhere
    mask_rule: str = "nonzero"

"""The resolved settings of every command, as frozen dataclasses; and how epsilons are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from unseg_cli.errors import UsageProblem


@dataclass(frozen=True)
class NoiseBudget:
    """The largest change of a pixel, as a fraction of full intensity (8/255 means 8 of 255 grey levels).

    Attributes:
        foreground: bound inside the object mask, in [0, 1].
        background: bound outside of it, in [0, 1].
    """

    foreground: float = 8 / 255
    background: float = 2 / 255

    def __post_init__(self) -> None:
        for name in ("foreground", "background"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1):
                raise UsageProblem(
                    f"{name} epsilon {value!r} is not in [0, 1]",
                    hint="epsilons are fractions of full intensity: write 8/255 for eight grey levels",
                )


STRENGTHS: dict[str, NoiseBudget] = {
    "low": NoiseBudget(4 / 255, 1 / 255),
    "medium": NoiseBudget(8 / 255, 2 / 255),
    "high": NoiseBudget(16 / 255, 4 / 255),
}


def parse_epsilon(text: str, *, option: str = "--epsilon") -> float:
    """Read '8/255', '0.03' or '0'.

    Raises:
        UsageProblem: not a number in [0, 1]; a bare 8 gets a hint, since other tools count in grey levels.
    """
    try:
        value = float(Fraction(text.strip().replace(" ", "")))
    except (ValueError, ZeroDivisionError):
        raise UsageProblem(f"{option} {text!r} is not a number", hint="write a fraction such as 8/255, or a float in [0, 1]") from None
    if not 0 <= value <= 1:
        raise UsageProblem(f"{option} {text} is outside [0, 1]", hint=f"did you mean {option} {text.strip()}/255?")
    return value


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

"""The settings of `unseg bench`, which are its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from unseg_cli.bench.conditions import MaskSource, names_for_help
from unseg_cli.bench.victims.registry import ENCODERS
from unseg_cli.bench.victims.schedule import AugmentName
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.common_settings import budget_options, device_option, generator_option
from unseg_cli.core.settings import option, parse_integers, parse_names


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Settings of `unseg bench`. None stands for what the victim, or the task, brings along."""

    victims: tuple[str, ...] = option(
        ("unet",),
        group="Victims and data",
        name="victim",
        metavar="NAME,...",
        parse=parse_names,
        help="Victims to train; see `unseg victims`.",
    )
    data: str = option(
        "synthetic",
        metavar="DATA",
        help="A folder with images/{train,test} and masks/{train,test}; KIND:ROOT or coco:... as docs/data.md has them; or synthetic.",
    )
    task: str | None = option(None, help="Task: binary, semantic, instance, detection, panoptic, interactive.  [default: that of the data]")
    classes: tuple[str, ...] | None = option(
        None, metavar="NAME,...", parse=parse_names, help="Of data with objects, the classes that count.  [default: all]"
    )
    limit: int | None = option(None, min=1, help="Use at most this many pictures of each split.")
    source_size: int | None = option(None, min=32, help="Bring all files to this longer side first.  [default: as they are]")
    conditions: tuple[str, ...] = option(
        ("clean", "protected", "random"),
        group="What is compared",
        metavar="NAME,...",
        parse=parse_names,
        help=f"Of {names_for_help()}.",
    )
    defences: tuple[str, ...] = option(
        ("none",),
        metavar="NAME,...",
        parse=parse_names,
        help="Of none, gray, jpeg75, jpeg10, blur, bitdepth, resize, denoise, crop-and-scale, mixup, cutmix, ueraser, adversarial, "
        "denoiser.",
    )
    ratio: float = option(1.0, min=0, max=1, help="Share of the training pictures that is protected.")
    seeds: tuple[int, ...] = option((0,), flags=("--seeds", "--seed"), metavar="N,...", parse=parse_integers, help="One run for each.")
    protect_masks: str = option(
        "gt",
        group="Protection",
        choices=get_args(MaskSource),
        help="Masks that the protection uses; corrected: detections, true masks where they are unsure.",
    )
    masks_from: Path | None = option(None, metavar="DIR", help="Folder with the masks that the protection uses.")
    mask_rule: str | None = option(None, help="Which labels are objects.  [default: the task's]")
    protected: Path | None = option(None, metavar="DIR", help="Pictures protected earlier.")
    budget: NoiseBudget = budget_options()
    generator: str = generator_option()
    encoder: str | None = option(None, group="Training", choices=ENCODERS, help="Encoder of victims that have a choice.  [default: lite0]")
    encoder_weights: Path | None = option(
        None, metavar="FILE", help="The encoder's ImageNet weights.  [default: a package's for lite0, the hub's for others]"
    )
    init: str = option("pretrained", choices=("pretrained", "scratch"), help="How victims start.")
    epochs: int | None = option(None, min=1, help="Passes over the data.  [default: the victim's]")
    image_size: int | None = option(None, min=32, help="Side of the training pictures.  [default: the victim's]")
    batch_size: int | None = option(None, min=1, help="Pictures in a step.  [default: the victim's]")
    lr: float | None = option(None, min=0, help="Learning rate.  [default: the victim's]")
    amp: bool = option(False, help="Mixed precision (bf16), which is for GPUs.")
    augment: str = option("jitter", choices=get_args(AugmentName), help="Flips and: zooms of 0.5 to 2, or crops of 70 to 100 %.")
    out: Path = option(Path("runs/bench"), group="Run", metavar="RUN", help="The run's folder.")
    quick: bool = option(False, help="A smoke test of at most five minutes: few pictures, small ones, short trainings.")
    dry_run: bool = option(False, help="List the trainings, and how long they take, and do nothing.")
    resume: bool = option(False, help="Go on where RUN stopped.")
    fail_under: float | None = option(None, metavar="PERCENT", help="Exit 1 where the drop is smaller.")
    workers: int = option(0, min=0, help="Threads that prepare pictures; the results are the same for any number.")
    device: str = device_option()

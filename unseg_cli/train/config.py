"""The settings of `unseg train`. Those that are options say so; the others are a preset's alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.budget import NoiseBudget, parse_epsilon
from unseg_cli.core.common_settings import SCALES, device_option, seed_option
from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.core.settings import of_preset, option, parse_names

#: What a prompt may consist of.
PROMPT_KINDS = ("box", "points", "mask")


def parse_prompt_kinds(text: str, flag: str) -> tuple[str, ...]:
    """Comma-joined kinds, in the order of `PROMPT_KINDS`."""
    names = parse_names(text, flag)
    for name in names:
        if name not in PROMPT_KINDS:
            raise UsageProblem(f"{flag}: {name!r} is no kind of prompt", hint=did_you_mean(name, list(PROMPT_KINDS)))
    return tuple(kind for kind in PROMPT_KINDS if kind in names)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of `unseg train`.

    Three stages: objects (teach the encoder to drive SAM's decoder), focus (the same on frames nearly as `protect` sees them, mostly
    without a prompt), then noise (the bilevel loop).

    Attributes:
        data: what to train on, as on the command line.
        out: the run folder.
        preset: name in `PRESETS` that the rest started from.
        generator: name of the spec.
        object_epochs: length of the first stage; 0 where the encoder is trained already (the paper's SAM).
        focus_epochs: length of the second stage, whose learning rate starts anew.
        epochs: length of the bilevel stage.
        max_steps: at most this many steps in each stage.
        max_minutes: stop after this long, resumable.
        image_size: side of the generator's input; None: the spec's.
        surrogate_size: side of the surrogate's input.
        batch_size: pictures a step.
        lr: of the first two stages; the pretrained backbone learns at a quarter of it. `train_config` changes the next two in proportion.
        noise_lr, surrogate_lr: of the bilevel stage.
        step_decay: x0.1 after 20 of 27 epochs, as in the paper, instead of warm-up and cosine.
        train_epsilon: foreground bound while training. Protecting at a larger one works better than training there
            (the paper's epsilon generalisation). The background's is a quarter.
        label_modification: generator steps aim at an all-ones mask (the paper) instead of the true one.
        surrogate_every: one block in so many trains the surrogate, the others the generator.
        block_steps: steps a block; None: an epoch, as in the paper.
        prompt_kinds: what the generator is told in the bilevel stage: a random non-empty subset of these.
        prompt_free_share: share of steps without any prompt, for generator and surrogate.
        focus_prompt_free_share: the same in the second stage.
        grey_share: share of the bilevel stage's batches that are grey pictures, on which the noise is another.
        degrade: strength of resizing, JPEG and gray between noise and surrogate; 0: only the resize to the surrogate's size.
        scales: range of the random scale of pictures, in the first and the bilevel stage.
        loss_points: points of the sampled mask loss; None: every pixel.
        init: weights to start from (a generator's name, a run's generator, SAM's .pth for vit_b), or "random"; None: ImageNet and SAM's
            parts for lite, the shipped lite generator for sam_lite.
        sam_checkpoint: SAM's .pth that a generator of the paper's kind belongs to, where `init` is such a generator.
        sam_parts: safetensors with SAM's prompt encoder and mask decoder; None: those inside the shipped lite weights.
        surrogate_weights: MAE weights for a ViT surrogate, or "random"; None: ImageNet for lite, random for ViT.
        amp: forward passes in half precision.
        amp_type: "bf16" or "fp16".
        accumulate: parts that a batch is taken in.
        recompute: keep less of a forward pass, see `SamImageEncoder`.
        save_every: steps between checkpoints.
    """

    data: str = option(
        "synthetic",
        group="Data and run",
        required=True,
        metavar="DATA",
        help="Folder, wds:GLOB, hqseg44k:ROOT, sa1b:ROOT, coco:IMAGES:JSON, synthetic or a name; comma-joined.",
    )
    out: Path = option(Path("runs/train"), metavar="RUN", help="The run's folder.")
    resume: bool = option(False, help="Go on where RUN stopped.")
    dry_run: bool = option(False, help="Look at the data, say what would be trained, how long and in how much memory, and do nothing.")
    preset: str = option(
        "lite",
        group="Recipe",
        choices=("lite", "adapt", "paper", "paper-lite", "tiny"),
        help="Recipe whose values the other options replace.",
    )
    generator: str = of_preset("lite", metavar="lite|sam_lite|vit_b|vit_l|vit_h", help="The kind of generator to train.")
    epochs: float = of_preset(0.182, min=0, help="Passes over the data in the bilevel stage.")
    object_epochs: float = of_preset(2.5, min=0, help="Passes in the first stage, which learns to find objects.")
    focus_epochs: float = of_preset(2.75, min=0, help="Passes in the second, which learns to do so without help.")
    max_steps: int | None = of_preset(None, min=1, help="At most this many steps in each stage.")
    max_minutes: float | None = of_preset(None, min=0, help="Stop after this long.")
    image_size: int | None = of_preset(None, min=32, help="Side of the square training pictures.")
    surrogate_size: int = 128
    batch_size: int = of_preset(8, min=1, help="Pictures in a step.")
    lr: float = of_preset(4e-4, min=0, help="Learning rate of the first stages; those of the bilevel stage follow in proportion.")
    noise_lr: float = 1e-3
    surrogate_lr: float = 4e-4
    step_decay: bool = False
    train_epsilon: float = of_preset(4 / 255, metavar="E", parse=parse_epsilon, help="Noise bound while training.")
    label_modification: bool = of_preset(False, help="Generator steps aim at an all-ones mask.")
    surrogate_every: int = of_preset(2, min=2, help="One block in so many trains the surrogate.")
    block_steps: int | None = 60
    prompt_free_share: float = 0.65
    focus_prompt_free_share: float = 0.85
    grey_share: float = 0.125
    degrade: float = 1.0
    loss_points: int | None = None
    scales: tuple[float, float] = SCALES
    prompt_kinds: tuple[str, ...] = of_preset(
        PROMPT_KINDS, metavar="KIND,...", parse=parse_prompt_kinds, help="What the generator is told: of box, points, mask."
    )
    init: str | None = of_preset(None, metavar="lite|FILE|random", help="Weights to start from.")
    sam_checkpoint: Path | None = of_preset(None, metavar="FILE", help="SAM's own file, where --init holds a noise decoder alone.")
    sam_parts: Path | None = of_preset(None, metavar="FILE", help="SAM's prompt encoder and mask decoder.")
    surrogate_weights: str | None = of_preset(None, metavar="FILE|random", help="Of the surrogate's encoder: MAE's for vit_b.")
    amp: bool = of_preset(False, help="Mixed precision.")
    amp_type: str = of_preset("bf16", choices=("bf16", "fp16"), help="Which one; fp16 for GPUs without bf16.")
    accumulate: int = of_preset(1, group="Machine", min=1, help="Take each batch in so many parts: less memory, the same step.")
    recompute: bool = of_preset(False, help="Compute activations again on the way back: less memory, more time.")
    workers: int = of_preset(1, min=0, help="Processes that load data.")
    save_every: int = 100
    device: str = device_option()
    seed: int = seed_option()

    @property
    def rates(self) -> Rates:
        """Base learning rates; None for a stage that does not run."""
        return Rates(
            objects=self.lr if self.object_epochs > 0 else None,
            focus=self.lr if self.focus_epochs > 0 else None,
            surrogate=self.surrogate_lr,
            noise=self.noise_lr,
        )

    @property
    def step_settings(self) -> StepSettings:
        """What single steps have to know."""
        return StepSettings(
            budget=NoiseBudget(self.train_epsilon, self.train_epsilon / 4),
            label_modification=self.label_modification,
            prompt_kinds=self.prompt_kinds,
            prompt_free_share=self.prompt_free_share,
            focus_prompt_free_share=self.focus_prompt_free_share,
            grey_share=self.grey_share,
            degrade=self.degrade,
            loss_points=self.loss_points,
        )

    @property
    def precision(self) -> str:
        """Of the forward passes: "no", "bf16" or "fp16"."""
        return self.amp_type if self.amp else "no"


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Base learning rate of each kind of step; the schedule scales it. See `TrainConfig`."""

    objects: float | None
    focus: float | None
    surrogate: float
    noise: float


@dataclass(frozen=True, kw_only=True)
class StepSettings:
    """What single steps have to know; see `TrainConfig` for the fields."""

    budget: NoiseBudget
    label_modification: bool
    prompt_kinds: tuple[str, ...]
    prompt_free_share: float
    focus_prompt_free_share: float
    grey_share: float
    degrade: float
    loss_points: int | None

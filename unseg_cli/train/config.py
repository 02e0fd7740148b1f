"""The settings of `unseg train`, and the presets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.budget import NoiseBudget


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
        lr: of the first two stages; the pretrained backbone learns at a quarter of it.
        noise_lr, surrogate_lr: of the bilevel stage.
        step_decay: x0.1 after 20 of 27 epochs, as in the paper, instead of warm-up and cosine.
        train_epsilon: foreground bound while training. Protecting at a larger one works better than training there
            (the paper's epsilon generalisation). The background's is a quarter.
        label_modification: generator steps aim at an all-ones mask (the paper) instead of the true one.
        surrogate_every: one block in so many trains the surrogate, the others the generator.
        block_steps: steps a block; None: an epoch, as in the paper.
        prompt_free_share: share of steps without any prompt, for generator and surrogate.
        focus_prompt_free_share: the same in the second stage.
        grey_share: share of the bilevel stage's batches that are grey pictures, on which the noise is another.
        degrade: strength of resizing, JPEG and gray between noise and surrogate; 0: only the resize to the surrogate's size.
        loss_points: points of the sampled mask loss; None: every pixel.
        init: weights to start from (a generator's name, a run's generator, SAM's .pth for vit_b); None: ImageNet and SAM's parts for lite.
        sam_parts: safetensors with SAM's prompt encoder and mask decoder; None: those inside the shipped lite weights.
        surrogate_init: MAE weights for a ViT surrogate; None: ImageNet for lite, random for ViT.
        save_every: steps between checkpoints.
    """

    data: str = "synthetic"
    out: Path = Path("runs/train")
    preset: str = "lite"
    generator: str = "lite"
    object_epochs: float = 2.5
    focus_epochs: float = 2.75
    epochs: float = 0.182
    max_steps: int | None = None
    max_minutes: float | None = None
    image_size: int | None = None
    surrogate_size: int = 128
    batch_size: int = 8
    lr: float = 4e-4
    noise_lr: float = 1e-3
    surrogate_lr: float = 4e-4
    step_decay: bool = False
    train_epsilon: float = 4 / 255
    label_modification: bool = False
    surrogate_every: int = 2
    block_steps: int | None = 60
    prompt_free_share: float = 0.65
    focus_prompt_free_share: float = 0.85
    grey_share: float = 0.125
    degrade: float = 1.0
    loss_points: int | None = None
    init: str | None = None
    sam_parts: Path | None = None
    surrogate_init: Path | None = None
    amp: bool = False
    resume: bool = False
    workers: int = 1
    save_every: int = 100
    device: str = "auto"
    seed: int = 0

    @property
    def budget(self) -> NoiseBudget:
        """The training budget."""
        return NoiseBudget(self.train_epsilon, self.train_epsilon / 4)

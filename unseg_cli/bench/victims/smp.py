"""U-Net, U-Net++, the DeepLabs and SegFormer's decoder, of segmentation-models-pytorch, on EfficientNet-Lite0 or another encoder."""

from __future__ import annotations

from typing import Any

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unseg_cli.bench.examples import Batch, Prediction
from unseg_cli.bench.victims import deeplabv1
from unseg_cli.bench.victims.base import LITE0, Victim, VictimSpec
from unseg_cli.bench.victims.encoders import network_on
from unseg_cli.core.constants import IGNORE

# Decoders are narrower than the library's own: on a few hundred pictures they lose nothing and take half of the time.
ARCHITECTURES: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "unet": (smp.Unet, {"decoder_channels": (128, 64, 32, 16, 8)}),
    "unetplusplus": (smp.UnetPlusPlus, {"decoder_channels": (64, 48, 32, 16, 8)}),  # its nested skips cost far more than U-Net's
    "segformer": (smp.Segformer, {"decoder_segmentation_channels": 128}),
    "deeplabv3": (smp.DeepLabV3, {"decoder_channels": 96}),
    "deeplabv3plus": (smp.DeepLabV3Plus, {"decoder_channels": 96}),
}
#: DeepLabV3+'s atrous rates are 6, 12 and 18 cells for pictures of about 512 px (Chen et al., ECCV 2018), whose map has 32 x 32 of them.
ATROUS_STEP, ATROUS_SIDE, SMALLEST_STEP = 6, 512, 2
#: The part of a picture's side that a cell of the map has, of the DeepLabs; rates are for the latter's.
STRIDES, ATROUS_STRIDE = {"deeplabv3": 8, "deeplabv3plus": 16}, 16


class ForegroundVictim(Victim):
    """One of `ARCHITECTURES` for a binary task: trained on binary cross-entropy and soft Dice, read by threshold.

    Args:
        network: (B, 3, H, W) -> (B, 1, H, W) logits of the foreground.
    """

    normalisation = LITE0

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """BCE and Dice of the foreground."""
        logits, label = self.network(self.normalisation(batch.images)).float(), batch.labels
        known = (label != IGNORE).unsqueeze(1)
        truth = (label == 1).unsqueeze(1).float()
        entropy = (F.binary_cross_entropy_with_logits(logits, truth, reduction="none") * known).sum() / known.sum().clamp(min=1)
        return {"entropy": entropy, "dice": soft_dice_loss(logits.sigmoid() * known, truth)}

    def predict(self, batch: Batch) -> list[Prediction]:
        """Foreground where its logit is positive."""
        logits = self.network(self.normalisation(batch.images))
        return [Prediction(labels=found) for found in (logits[:, 0] > 0).to(torch.uint8)]


class ClassVictim(Victim):
    """One of `ARCHITECTURES` for a semantic task, of two classes or more: trained on cross-entropy and soft Dice, read by argmax.

    Args:
        network: (B, 3, H, W) -> (B, classes, H, W) logits.
        classes: how many classes there are.
    """

    normalisation = LITE0

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = classes

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, and Dice averaged over the classes in the batch."""
        logits, label = self.network(self.normalisation(batch.images)).float(), batch.labels
        known = (label != IGNORE).unsqueeze(1)
        entropy = F.cross_entropy(logits, label, ignore_index=IGNORE, reduction="sum") / known.sum().clamp(min=1)
        truth = F.one_hot(label.where(label != IGNORE, 0), self.classes).permute(0, 3, 1, 2) * known
        return {"entropy": entropy, "dice": soft_dice_loss(logits.softmax(1) * known, truth.float())}

    def predict(self, batch: Batch) -> list[Prediction]:
        """The class of the largest logit."""
        logits = self.network(self.normalisation(batch.images))
        return [Prediction(labels=found) for found in logits.argmax(1).to(torch.uint8)]


def soft_dice_loss(probability: Tensor, truth: Tensor) -> Tensor:
    """1 - Dice over the whole batch, averaged over the classes that occur in it.

    Args:
        probability: (B, C, H, W) in [0, 1], 0 where the truth is void.
        truth: (B, C, H, W) of 0 and 1, 0 where it is void.
    """
    axes = (0, 2, 3)
    overlap = (probability * truth).sum(axes)
    dice = (2 * overlap + 1) / (probability.sum(axes) + truth.sum(axes) + 1)
    present = truth.sum(axes) > 0
    return (1 - dice[present]).mean() if bool(present.any()) else probability.sum() * 0


def atrous_rates(side: int) -> tuple[int, int, int]:
    """DeepLabV3+'s rates for pictures of this longer side: the paper's in proportion, so that they span as much of a smaller map.

    Never less than 2, 4, 6, which suit a map of 6 x 6: 2, 4, 6 up to 192 px, 3, 6, 9 at 256 px, 4, 8, 12 at 320 px, 6, 12, 18 at 512 px.
    """
    step = max(SMALLEST_STEP, round(ATROUS_STEP * side / ATROUS_SIDE))
    return step, 2 * step, 3 * step


def build(name: str, spec: VictimSpec) -> Victim:
    """Build one of `ARCHITECTURES`, or "deeplabv1".

    Raises:
        EnvironmentProblem: pretrained, and the ImageNet weights are not there.
        UsageProblem: it cannot be built on this encoder.
    """
    binary = spec.task == "binary"
    planes = 1 if binary else len(spec.classes)
    if name == "deeplabv1":
        network: Any = deeplabv1.network(spec, planes)
    else:
        architecture, options = ARCHITECTURES[name]
        if name in STRIDES:
            rates = tuple(ATROUS_STRIDE // STRIDES[name] * rate for rate in atrous_rates(spec.side))
            options = options | {"decoder_atrous_rates": rates}
        network = network_on(architecture, spec, classes=planes, **options)
    return ForegroundVictim(network) if binary else ClassVictim(network, planes)

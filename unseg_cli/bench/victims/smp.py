"""U-Net, U-Net++, DeepLabV3+ and SegFormer's decoder, of segmentation-models-pytorch, on EfficientNet-Lite0."""

from __future__ import annotations

from typing import Any

import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unseg_cli.bench.victims.base import ENCODER, Victim, normalise
from unseg_cli.core.constants import IGNORE
from unseg_cli.models.imagenet import load_imagenet_lite0

# Decoders are narrower than the library's own: at 96 pixels they lose nothing and take half of the time.
ARCHITECTURES: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "unet": (smp.Unet, {"decoder_channels": (128, 64, 32, 16, 8)}),
    "unetplusplus": (smp.UnetPlusPlus, {"decoder_channels": (64, 48, 32, 16, 8)}),  # its nested skips cost far more than U-Net's
    "segformer": (smp.Segformer, {"decoder_segmentation_channels": 128}),
    "deeplabv3plus": (smp.DeepLabV3Plus, {"decoder_channels": 96, "decoder_atrous_rates": (2, 4, 6)}),  # its map is 6 x 6 at 96 pixels
}


class SmpVictim(Victim):
    """One of `ARCHITECTURES`, trained on cross-entropy plus soft Dice, read by threshold or argmax.

    Args:
        network: (B, 3, H, W) -> (B, 1, H, W) logits of the foreground for two classes, else (B, classes, H, W).
        classes: how many classes there are.
    """

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = classes

    def loss(self, image_01: Tensor, label: Tensor) -> Tensor:
        """Binary: BCE + Dice of the foreground. Semantic: cross-entropy + Dice averaged over the classes in the batch."""
        logits = self.network(normalise(image_01)).float()
        known = (label != IGNORE).unsqueeze(1)
        if self.classes == 2:
            truth = (label == 1).unsqueeze(1).float()
            entropy = (F.binary_cross_entropy_with_logits(logits, truth, reduction="none") * known).sum() / known.sum().clamp(min=1)
            return entropy + soft_dice_loss(logits.sigmoid() * known, truth)
        entropy = F.cross_entropy(logits, label, ignore_index=IGNORE, reduction="sum") / known.sum().clamp(min=1)
        truth = F.one_hot(label.where(label != IGNORE, 0), self.classes).permute(0, 3, 1, 2) * known
        return entropy + soft_dice_loss(logits.softmax(1) * known, truth.float())

    def predict(self, image_01: Tensor) -> Tensor:
        """Foreground where its logit is positive, or the class of the largest logit."""
        logits = self.network(normalise(image_01))
        return (logits[:, 0] > 0).long() if self.classes == 2 else logits.argmax(1)


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


def build(name: str, classes: int, pretrained: bool) -> SmpVictim:
    """Build one of `ARCHITECTURES` for `classes` classes.

    Raises:
        EnvironmentProblem: pretrained, and the ImageNet weights are not installed.
    """
    architecture, options = ARCHITECTURES[name]
    network: Any = architecture(f"tu-{ENCODER}", encoder_weights=None, classes=1 if classes == 2 else classes, **options)
    if pretrained:
        load_imagenet_lite0(network.encoder.model)
    return SmpVictim(network.to(memory_format=torch.channels_last), classes)

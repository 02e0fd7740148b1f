"""DeepLab as it was first (Chen et al., ICLR 2015): an encoder that keeps an eighth of the size, and one wide atrous convolution."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unseg_cli.bench.victims.base import ENCODER, VictimSpec
from unseg_cli.models.imagenet import load_imagenet_lite0

#: Of "LargeFOV": rate and width of the convolution that stands for VGG's first fully connected layer. Half as wide as the paper's.
RATE, WIDTH, DROPOUT = 12, 512, 0.5


class LargeFieldOfView(nn.Module):
    """(B, 3, H, W) -> (B, planes, H, W) logits.

    Args:
        encoder: gives one map at an eighth of the size.
        channels: of that map.
        planes: of the result.
    """

    def __init__(self, encoder: nn.Module, channels: int, planes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(
            nn.Conv2d(channels, WIDTH, 3, padding=RATE, dilation=RATE),
            nn.ReLU(inplace=True),
            nn.Dropout2d(DROPOUT),
            nn.Conv2d(WIDTH, WIDTH, 1),
            nn.ReLU(inplace=True),
            nn.Dropout2d(DROPOUT),
            nn.Conv2d(WIDTH, planes, 1),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits at the size of the picture."""
        coarse = self.head(self.encoder(pixels)[0])
        return F.interpolate(coarse, pixels.shape[-2:], mode="bilinear", align_corners=False)


def network(spec: VictimSpec, planes: int) -> LargeFieldOfView:
    """Build the network.

    Raises:
        EnvironmentProblem: pretrained, and the ImageNet weights are not installed.
    """
    import timm

    encoder: Any = timm.create_model(ENCODER, features_only=True, out_indices=(4,), output_stride=8)
    if spec.pretrained:
        load_imagenet_lite0(encoder)
    return LargeFieldOfView(encoder, encoder.feature_info.channels()[0], planes).to(memory_format=torch.channels_last)

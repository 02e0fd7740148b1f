"""The small image encoder of the lite generator: a pretrained ConvNet and a neck to SAM's embedding."""

from __future__ import annotations

import timm
import torch
import torch.nn.functional as F
from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn

from unseg_cli.models.imagenet import MEAN, STD
from unseg_cli.models.segmenter import EMBED_DIM

NECK_WIDTH = 128
FROZEN = ("conv_stem", "blocks.0", "blocks.1")  # edges and colours are general; half of the backward pass is spent here


class LiteImageEncoder(nn.Module):
    """timm backbone (strides 8, 16, 32) -> image embedding at stride 8, in the space SAM's mask decoder reads.

    Batch norm and the layers down to stride 4 stay as ImageNet made them: training batches are small, and zero padding would drag
    the statistics.

    Args:
        backbone: timm model name with `features_only` support; built without weights, no file is read.

    Attributes:
        early_channels: C of the features that `encode` hands out.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, backbone: str) -> None:
        super().__init__()
        self._recompute = False
        self.backbone = timm.create_model(backbone, features_only=True, pretrained=False, out_indices=(2, 3, 4))
        channels = self.backbone.feature_info.channels()
        self.early_channels: int = channels[0]
        self.laterals = nn.ModuleList(nn.Conv2d(c, NECK_WIDTH, 1) for c in channels)
        self.context = nn.Linear(channels[-1], NECK_WIDTH)
        self.fuse = nn.Sequential(
            _separable(NECK_WIDTH * len(channels), EMBED_DIM),
            _separable(EMBED_DIM, EMBED_DIM),
            nn.Conv2d(EMBED_DIM, EMBED_DIM, 1),
            LayerNorm2d(EMBED_DIM),
        )
        # EfficientNet-Lite was trained on (x - 0.5) / 0.5, not on the usual ImageNet statistics.
        self.register_buffer("pixel_mean", torch.tensor(MEAN), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(STD), persistent=False)
        for name, parameter in self.backbone.named_parameters():
            if name.startswith(FROZEN) or "bn" in name:
                parameter.requires_grad_(False)

    @property
    def recompute(self) -> bool:
        """See `SamImageEncoder`: here it is timm's affair."""
        return self._recompute

    @recompute.setter
    def recompute(self, wanted: bool) -> None:
        self._recompute = wanted
        self.backbone.set_grad_checkpointing(wanted)

    def forward(self, image_01: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> (B, 256, S/8, S/8)."""
        return self.encode(image_01)[0]

    def encode(self, image_01: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S) in [0, 1] -> the embedding (B, 256, S/8, S/8), and the backbone's own features of that grid (B, C, S/8, S/8)."""
        features = self.backbone((image_01 - self.pixel_mean) / self.pixel_std)
        size = features[0].shape[-2:]
        maps = [lateral(f) for lateral, f in zip(self.laterals, features, strict=True)]
        maps[-1] = maps[-1] + self.context(features[-1].mean((2, 3)))[..., None, None]
        maps = [maps[0], *(F.interpolate(m, size, mode="bilinear", align_corners=False) for m in maps[1:])]
        return self.fuse(torch.cat(maps, 1)), features[0]

    def train(self, mode: bool = True) -> LiteImageEncoder:
        """Training mode for everything but batch norm."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        LayerNorm2d(outputs),
        nn.GELU(),
    )

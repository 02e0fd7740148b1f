"""The segmenter inside the training loop, standing in for the models an attacker would train."""

from __future__ import annotations

import torch
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

from unseg_cli.models.lite.encoder import LiteImageEncoder
from unseg_cli.models.sam.generator import IMAGENET_MEAN, IMAGENET_STD
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.models.specs import GeneratorSpec


def build_surrogate(spec: GeneratorSpec, image_size: int) -> PromptableSegmenter:
    """A surrogate of the generator's own kind at a smaller size, as in the paper: ViT-B for sam_vit, the lite encoder for lite.

    Args:
        spec: the generator's.
        image_size: side of the surrogate's square input in pixels; a multiple of 32.
    """
    encoder: nn.Module
    if spec.kind == "lite":
        encoder = LiteImageEncoder(spec.encoder)
    else:
        encoder = NormalisedViT(
            img_size=image_size,
            patch_size=spec.embed_stride,
            embed_dim=spec.vit_width,
            depth=spec.vit_depth,
            num_heads=spec.vit_heads,
            mlp_ratio=4,
            out_chans=256,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=spec.vit_global_blocks,
            window_size=spec.vit_window,
        )
    return PromptableSegmenter(encoder, image_size=image_size, embed_size=image_size // spec.embed_stride)


class NormalisedViT(ImageEncoderViT):
    """SAM's image encoder for pictures in [0, 1]."""

    def __init__(self, **shape: object) -> None:
        super().__init__(**shape)
        self.register_buffer("pixel_mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image_01: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> (B, 256, S/16, S/16)."""
        return super().forward((image_01 - self.pixel_mean) / self.pixel_std)

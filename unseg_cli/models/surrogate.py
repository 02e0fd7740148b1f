"""The segmenter inside the training loop, standing in for the models an attacker would train.

One builder a kind of generator: as in the paper, a surrogate is of the generator's own kind, at a smaller size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unseg_cli.models.lite.encoder import LiteImageEncoder
from unseg_cli.models.sam.generator import IMAGENET_MEAN, IMAGENET_STD
from unseg_cli.models.sam.image_encoder import build_sam_image_encoder
from unseg_cli.models.segmenter import EMBED_DIM, PromptableSegmenter
from unseg_cli.models.specs import GeneratorSpec


class VitSurrogate(PromptableSegmenter):
    """A segmenter on SAM's image encoder, which takes ImageNet-normalised pictures."""

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, image_encoder: nn.Module, *, image_size: int, embed_size: int) -> None:
        super().__init__(image_encoder, image_size=image_size, embed_size=embed_size)
        self.register_buffer("image_mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def encode(self, image_01: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> (B, 256, S/16, S/16)."""
        return super().encode(self.normalised(image_01))

    def normalised(self, image_01: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> what SAM's image encoder takes."""
        return (image_01 - self.image_mean) / self.image_std


def lite_surrogate(spec: GeneratorSpec, image_size: int) -> PromptableSegmenter:
    """The lite generator's encoder and SAM's decoder for square pictures of `image_size`, a multiple of 32."""
    return PromptableSegmenter(LiteImageEncoder(spec.encoder), image_size=image_size, embed_size=image_size // spec.embed_stride)


def vit_surrogate(spec: GeneratorSpec, image_size: int) -> PromptableSegmenter:
    """SAM as the generator has it, by the same builder, for square pictures of `image_size`, a multiple of 32."""
    encoder = build_sam_image_encoder(spec, EMBED_DIM, image_size=image_size)
    return VitSurrogate(encoder, image_size=image_size, embed_size=image_size // spec.embed_stride)

"""The lite generator, the default: small encoder, SAM's prompt encoder and mask decoder, and a noise head."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.models.lite.encoder import LiteImageEncoder
from unseg_cli.models.lite.noise_head import LiteNoiseHead
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.protocols import Embedding
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.models.specs import GeneratorSpec
from unseg_cli.noise.tensors import without_colour
from unseg_cli.noise.tiles import Tiles


class LiteGenerator(PromptableSegmenter):
    """Finds the object (or takes the prompt's) and draws noise whose pattern says "object" or "not object".

    Differs from the paper: a ConvNet instead of ViT-B, learned tiles instead of a free noise map, and a mask of its own, so that
    pictures without masks can be protected.
    """

    source: Any = None  # where the weights came from; set by whoever loads them

    def __init__(self, spec: GeneratorSpec) -> None:
        super().__init__(LiteImageEncoder(spec.encoder), image_size=spec.image_size, embed_size=spec.embed_size)
        self.spec = spec
        self.noise_head = LiteNoiseHead(spec)

    def embed(self, frames: Tensor) -> Embedding:
        """Run the image encoder on (B, 3, S, S) in [0, 1]."""
        return Embedding(image=self.encode(frames))

    def draw(self, embedding: Embedding, frames: Tensor, prompt: Prompt) -> Tensor:
        """Noise for the pictures that `embedding` is of.

        Args:
            embedding: `embed(frames)`.
            frames: (B, 3, S, S) in [0, 1]; only asked whether they have colour.
            prompt: what to protect. A mask prompt is the object region as given, not as the decoder redraws it; with any other
                prompt, or none, the region is the predicted mask.

        Returns:
            (B, 3, n, n) in [-1, 1].
        """
        if prompt.mask is None:
            region = torch.sigmoid(self.segment(embedding, prompt))
        else:
            region = prompt.mask
        side = self.spec.noise_size
        region = F.interpolate(region.float(), (side, side), mode="bilinear", align_corners=False, antialias=True)
        return self.noise_head(region, without_colour(frames))

    def tiles(self) -> Tiles:
        """What the noise is made of: enough to draw it at a picture's own size."""
        return self.noise_head.tiles()

    def segment(self, embedding: Embedding, prompt: Prompt) -> Tensor:
        """Mask logits (B, 1, h, w) of what the prompt points at; of the salient object where it is empty."""
        return self.decode(embedding.image, prompt).masks[:, :1]

    def detect(self, embedding: Embedding) -> Tensor:
        """Mask logits (B, 1, h, w) of the salient object, without any prompt."""
        return self.segment(embedding, Prompt())

    def forward(self, image_01: Tensor, prompt: Prompt) -> Tensor:
        """Noise (B, 3, n, n) in [-1, 1]: `embed` and `draw` in one."""
        return self.draw(self.embed(image_01), image_01, prompt)

    def noise_parameters(self) -> list[torch.nn.Parameter]:
        """What the second stage of training trains."""
        return list(self.noise_head.parameters())

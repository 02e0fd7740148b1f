"""A generator of no weights that has all that a session asks of one, and counts how often it looks."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from unseg_cli.models.prompt import Prompt
from unseg_cli.models.protocols import Embedding
from unseg_cli.models.specs import GeneratorSpec

SPEC = GeneratorSpec(kind="lite", name="stand-in", image_size=64, embed_stride=8, noise_size=32)


class StandIn:
    """Noise is the mask prompt's plane; the object is where the picture is bright."""

    source = None

    def __init__(self, *, detects: bool = True) -> None:
        self.spec, self.detects, self.looks = SPEC, detects, 0

    def parameters(self) -> Iterator[nn.Parameter]:
        return iter([nn.Parameter(torch.zeros(1))])

    def embed(self, frames: Tensor) -> Embedding:
        self.looks += 1
        return Embedding(image=frames.mean(1, keepdim=True))

    def draw(self, embedding: Embedding, frames: Tensor, prompt: Prompt) -> Tensor:
        assert prompt.mask is not None
        side = self.spec.noise_size
        return nn.functional.interpolate(prompt.mask, (side, side), mode="area").expand(-1, 3, -1, -1) * 2 - 1

    def tiles(self) -> None:
        return None

    def segment(self, embedding: Embedding, prompt: Prompt) -> Tensor:
        assert prompt.boxes is not None
        logits = torch.full_like(embedding.image, -1.0)
        for plane, (x0, y0, x1, y1) in zip(logits, prompt.boxes.round().int().tolist(), strict=True):
            plane[:, y0:y1, x0:x1] = 1.0
        return logits

    def detect(self, embedding: Embedding) -> Tensor | None:
        return embedding.image - 0.5 if self.detects else None

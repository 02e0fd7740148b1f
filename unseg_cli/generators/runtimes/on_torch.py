"""A generator in PyTorch: any of them, on any device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unseg_cli.core.constants import FloatArray
from unseg_cli.generators.finders.salient import SalientObjects
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.protocols import Embedding, NoiseGenerator
from unseg_cli.noise.tiles import Tiles


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Frames and what the image encoder made of them."""

    frames: Tensor
    embedding: Embedding


class TorchRuntime:
    """See `Runtime`.

    Args:
        generator: from `load_generator`.
    """

    threads_of_its_own, library = True, "PyTorch"

    def __init__(self, generator: NoiseGenerator) -> None:
        self.generator, self.spec, self.source = generator, generator.spec, generator.source
        self._device = next(generator.parameters()).device
        self.device = str(self._device)

    def tiles(self) -> Tiles | None:
        """See `Runtime`."""
        return self.generator.tiles()

    @torch.no_grad()
    def embed(self, frames: FloatArray) -> Seen:
        """See `Runtime`."""
        tensor = torch.from_numpy(frames).to(device=self._device, memory_format=torch.channels_last)
        return Seen(frames=tensor, embedding=self.generator.embed(tensor))

    @torch.no_grad()
    def detect(self, embedding: Seen) -> FloatArray | None:
        """See `Runtime`."""
        logits = self.generator.detect(embedding.embedding)
        return None if logits is None else _array(logits)

    @torch.no_grad()
    def segment(self, embedding: Seen, prompt: Prompt) -> FloatArray:
        """See `Runtime`."""
        return _array(self.generator.segment(embedding.embedding, prompt))

    @torch.no_grad()
    def draw(self, embedding: Seen, masks: FloatArray) -> FloatArray:
        """See `Runtime`."""
        prompt = Prompt(mask=torch.from_numpy(masks).to(self._device))
        return _array(self.generator.draw(embedding.embedding, embedding.frames, prompt))

    def second_opinion(self) -> SalientObjects:
        """See `Runtime`."""
        return SalientObjects(self._device)


def _array(tensor: Tensor) -> FloatArray:
    array: FloatArray = tensor.detach().float().cpu().numpy()
    return array

"""What whoever uses a generator may rely on, whatever kind it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from unseg_cli.models.prompt import Prompt
from unseg_cli.models.specs import GeneratorSpec
from unseg_cli.noise.tiles import Tiles


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """What the image encoder made of a batch of pictures: computed once, prompted as often as one likes.

    Attributes:
        image: (B, C, h, w) the image embedding.
        tokens: (B, h, w, D) tokens after the encoder's first global-attention block; None where the encoder has none.
    """

    image: Tensor
    tokens: Tensor | None = None


class NoiseGenerator(Protocol):
    """Pictures and prompts in, noise out.

    Attributes:
        spec: its sizes, and what it can do.
        source: where its weights came from; None for a build without weights.
    """

    spec: GeneratorSpec
    source: Any

    def embed(self, frames: Tensor) -> Embedding:
        """Run the image encoder on (B, 3, S, S) in [0, 1]: the costly part."""
        ...

    def draw(self, embedding: Embedding, frames: Tensor, prompt: Prompt) -> Tensor:
        """Noise (B, 3, n, n) in [-1, 1] for the pictures that `embedding` is of."""
        ...

    def tiles(self) -> Tiles | None:
        """What the noise of every picture is made of, the object's mask and the picture's size apart; None: `draw` has to say it."""
        ...

    def segment(self, embedding: Embedding, prompt: Prompt) -> Tensor:
        """Mask logits (B, 1, h, w) of what the prompt points at."""
        ...

    def detect(self, embedding: Embedding) -> Tensor | None:
        """Mask logits (B, 1, h, w) of the salient object, without any prompt; None: this kind does not look for objects."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """As of any module: the first one tells the device."""
        ...

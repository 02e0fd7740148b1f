"""What a session asks of a generator, wherever its networks run: arrays in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.models.specs import GeneratorSpec
from unseg_cli.noise.tiles import Tiles

if TYPE_CHECKING:
    from unseg_cli.models.prompt import Prompt


class Runtime(Protocol):
    """A generator's networks, and that of the second finder.

    Attributes:
        spec: the generator's.
        source: the `GeneratorFile` that its weights came from; None for a build without weights.
        device: "cpu", "cuda:0" and the like.
        library: what runs them, for people to read.
        threads_of_its_own: one picture keeps all cores busy. Otherwise it keeps one, and several threads may each work on their own.
    """

    spec: GeneratorSpec
    source: Any
    device: str
    library: str
    threads_of_its_own: bool

    def tiles(self) -> Tiles | None:
        """What the noise of every picture is made of; None: `draw` has to say it."""
        ...

    def embed(self, frames: FloatArray) -> Any:
        """What else is asked of frames, (B, 3, S, S) in [0, 1], begins here: the costly part, as far as it can be shared."""
        ...

    def detect(self, embedding: Any) -> FloatArray | None:
        """Mask logits (B, 1, h, w) of the salient object; None: this generator does not look for objects."""
        ...

    def segment(self, embedding: Any, prompt: Prompt) -> FloatArray:
        """Mask logits (B, 1, h, w) of what a prompt points at."""
        ...

    def draw(self, embedding: Any, masks: FloatArray) -> FloatArray:
        """Noise (B, 3, n, n) in [-1, 1] for objects, (B, 1, S, S) in [0, 1]."""
        ...

    def second_opinion(self) -> SecondOpinion:
        """The second finder.

        Raises:
            EnvironmentProblem: its weights are not there, or were changed.
        """
        ...


class SecondOpinion(Protocol):
    """U2-Net-p, which was trained by others, on pictures alone, and so is wrong about other pictures than the generator.

    Attributes:
        sha256: of its weights.
    """

    sha256: str

    def probability(self, image: U8Array) -> FloatArray:
        """How likely each place is the salient object's.

        Args:
            image: (H, W, 3) uint8. It is stretched to a square, as in training.

        Returns:
            (1, n, n) in [0, 1], of the stretched picture.
        """
        ...

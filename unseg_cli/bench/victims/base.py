"""What the bench asks of a victim: losses to train on, predictions to be judged by, and the normalisation of its own weights."""

from __future__ import annotations

import functools
import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from unseg_cli.bench.examples import Batch, Prediction
from unseg_cli.models import imagenet as imagenet_weights

ENCODER = "tf_efficientnet_lite0"


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """From [0, 1] to the range that a victim's weights expect.

    Attributes:
        mean, std: of red, green and blue.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, image_01: Tensor) -> Tensor:
        """(..., 3, H, W) in [0, 1] -> the same, normalised."""
        mean, std = (image_01.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (image_01 - mean) / std


#: Of the ImageNet weights of `ENCODER`; a victim from scratch takes the same.
LITE0 = Normalisation(mean=(imagenet_weights.MEAN,) * 3, std=(imagenet_weights.STD,) * 3)


@dataclass(frozen=True, kw_only=True)
class VictimSpec:
    """What a victim is built for.

    Attributes:
        task: the task's name.
        classes: names of the classes, in the order of their labels.
        pretrained: whether its encoder starts from ImageNet weights.
        side: the longer side of the pictures that it will be trained on, in pixels.
        things: the labels of classes whose objects are told apart.
        encoder: a name of `ENCODERS`.
        encoder_weights: a file with the encoder's ImageNet weights; None: a package has them, or the hub.
    """

    task: str
    classes: tuple[str, ...]
    pretrained: bool
    side: int
    things: tuple[int, ...] = ()
    encoder: str = "lite0"
    encoder_weights: Path | None = None


def likeliest(scores: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """The largest of (queries, classes) scores, at most `most`: the scores, their queries and their classes, (N,) each."""
    best, places = scores.flatten().topk(min(most, scores.numel()))
    return best, places // scores.shape[1], places % scores.shape[1]


class Victim(nn.Module, ABC):
    """A network with its own way to be trained and read.

    Attributes:
        normalisation: of its own weights; the pictures of a `Batch` are not normalised.
    """

    normalisation: Normalisation

    @abstractmethod
    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of a batch: scalars by name, whose sum is trained on."""

    def loss(self, batch: Batch) -> Tensor:
        """That sum."""
        return functools.reduce(operator.add, self(batch).values())

    @abstractmethod
    def predict(self, batch: Batch) -> list[Prediction]:
        """What it says of each picture. Only a task whose prompts are drawn from the truth looks at the targets."""

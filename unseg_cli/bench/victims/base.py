"""What the bench asks of a victim: a loss to train on and a label map to be judged by."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from unseg_cli.models import imagenet as imagenet_weights

ENCODER = "tf_efficientnet_lite0"


class Victim(nn.Module, ABC):
    """A segmentation network with its own way to be trained and read."""

    @abstractmethod
    def loss(self, image_01: Tensor, label: Tensor) -> Tensor:
        """The training loss.

        Args:
            image_01: (B, 3, H, W) in [0, 1]; H and W are multiples of 32.
            label: (B, H, W) int64 in [0, classes), 255 = void.

        Returns:
            A scalar.
        """

    @abstractmethod
    def predict(self, image_01: Tensor) -> Tensor:
        """The label map, (B, H, W) int64 in [0, classes), of pictures like those of `loss`."""


def normalise(image_01: Tensor) -> Tensor:
    """[0, 1] to the range that the ImageNet weights expect."""
    return (image_01 - imagenet_weights.MEAN) / imagenet_weights.STD

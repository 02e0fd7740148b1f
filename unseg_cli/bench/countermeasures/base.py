"""What a countermeasure is: something that an attacker does to pictures, or to batches of them, to get rid of a protection.

It meets the training pictures of every condition, clean ones too, at their original size and before they are resized for training, so that
its own cost to the victim is not booked as protection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from unseg_cli.bench.examples import Batch, Target
from unseg_cli.core.constants import U8Array

#: From a batch to the sum of a victim's losses, a scalar.
Losses = Callable[[Batch], torch.Tensor]


class Part(NamedTuple):
    """A batch, and the weight of its losses in what is trained on."""

    weight: float
    batch: Batch


class Pair(NamedTuple):
    """A picture of the attacker's own, (H, W, 3) uint8, as it was and as the tool has protected it."""

    clean: U8Array
    changed: U8Array


@dataclass(frozen=True, kw_only=True)
class Countermeasure:
    """Something an attacker does against a protection; here, nothing. A kind of it overrides what it needs.

    Attributes:
        name: what users call it.
        also_test: True where the victim would see its test pictures through `picture`, too (a network trained in grey is used in grey).
        moves: True where `store` gives other targets than it takes.
        learns: True where it has to see pairs before it can do anything.
    """

    name: str
    also_test: bool = False
    moves: bool = False
    learns: bool = False

    def learned(self, pairs: Iterable[Pair]) -> Countermeasure:
        """The same, once the attacker has seen what the tool does to pictures."""
        return self

    def picture(self, image: U8Array) -> U8Array:
        """A picture at its original size, (H, W, 3) uint8 -> the same; called by several threads at once."""
        return image

    def store(self, image: U8Array, target: Target, number: int) -> tuple[U8Array, Target]:
        """What the attacker keeps of a training picture and its target, both at their original size; the size stays.

        Args:
            image: (H, W, 3) uint8.
            target: of the picture, on the CPU.
            number: of the picture in its split; whatever is drawn depends on it alone, so that every condition meets the same.
        """
        return self.picture(image), target

    def batch(self, batch: Batch, draw: torch.Generator, losses: Losses) -> tuple[Part, ...]:
        """What is trained on in place of an augmented batch.

        Args:
            batch: augmented.
            draw: the training's own source of random numbers, on the CPU.
            losses: the victim's, as it is now.
        """
        return (Part(1.0, batch),)


@dataclass(frozen=True, kw_only=True)
class PictureStep(Countermeasure):
    """One that filters pictures once, before training.

    Attributes:
        apply: (H, W, 3) uint8 -> same.
    """

    apply: Callable[[U8Array], U8Array]

    def picture(self, image: U8Array) -> U8Array:
        """See `Countermeasure`."""
        return self.apply(image)

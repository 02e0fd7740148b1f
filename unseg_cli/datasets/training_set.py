"""Samples to train a generator on: one picture with one mask a draw, where a picture may have many objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import BoolArray
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.datasets.sample import Sample, Truth

#: Picks the mask of one draw; the generator is consumed only where there is a choice.
Choice = Callable[[Truth, np.random.Generator], BoolArray]


class SizeMismatch(UnsegError):
    """A mask of another size than its picture."""


@dataclass(frozen=True)
class Pair:
    """One training pair.

    Attributes:
        image: (H, W, 3) uint8.
        mask: (H, W) bool; empty where the picture has no object.
        salient: the mask is THE object of the picture, so that a prompt-free prediction may be judged by it; False: one of many.
    """

    image: npt.NDArray[np.uint8]
    mask: BoolArray
    salient: bool


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Samples of one kind.

    Attributes:
        samples: in a fixed order, on which the order of the training depends; they may be made when they are asked for.
        choose: what of a truth becomes the mask.
        salient: see `Pair`.
        notes: what its owner may not know of it, a line each.
    """

    samples: Sequence[Sample]
    choose: Choice
    salient: bool
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int, rng: np.random.Generator) -> Pair:
        """The picture at `index` with one mask; `rng` picks one of several segments.

        Raises:
            UnsegError: picture or mask cannot be read, or they differ in size.
        """
        sample = self.samples[index]
        mask = self.choose(sample.truth(), rng)
        image, _ = sample.image.pixels()
        if mask.shape != image.shape[:2]:
            raise SizeMismatch(
                f"{sample.image}: the mask is {mask.shape[1]}x{mask.shape[0]}, the picture {image.shape[1]}x{image.shape[0]}",
                hint="they must have the same size",
            )
        return Pair(image, mask, self.salient)


#: So many pictures without an object, evenly spread, and nobody expects one in the others.
_ENOUGH = 64


def check_objects(sets: Sequence[TrainingSet]) -> None:
    """Refuse sets whose masks mark nothing: there is no object to learn. Reads until it meets one, as a rule a single picture.

    Raises:
        UsageProblem: none was met.
    """
    rng, looked_at = np.random.default_rng(0), 0
    for pictures in sets:
        for index in dict.fromkeys(np.linspace(0, len(pictures) - 1, _ENOUGH).astype(int).tolist()):
            try:
                if pictures.read(index, rng).mask.any():
                    return
            except UnsegError:
                return  # whoever trains on it says what cannot be read
            looked_at += 1
    raise UsageProblem(f"none of {looked_at} masks marks an object: there is nothing to learn", hint="in masks, pixels above 0 are objects")


def objects(truth: Truth, _rng: np.random.Generator) -> BoolArray:
    """Everything with label 1, of a label map of objects and background; void is none."""
    assert truth.labels is not None
    return np.asarray(truth.labels == 1)


def segment_by_area(truth: Truth, rng: np.random.Generator) -> BoolArray:
    """A random segment, large ones more often: a training crop shrinks small ones to nothing."""
    areas = np.array([segment.area for segment in truth.segments]) ** 0.5
    return truth.segments[int(rng.choice(len(areas), p=areas / areas.sum()))].mask()


def any_instance(truth: Truth, rng: np.random.Generator) -> BoolArray:
    """A random object that is no crowd and not empty."""
    instances = [segment for segment in truth.segments if not segment.crowd and segment.area > 0]
    return instances[int(rng.integers(len(instances)))].mask()

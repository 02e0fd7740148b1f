"""What the values of a set of masks mean. It is decided over the whole set by the values that occur in it, never file by file.

1. **binary**: no mask has two different values beside 0, and over the set there is one such value (0 and x: 0/1, 0/255, 0/7), or there are
   masks of 0/1 beside masks of 0/255. Everything but 0 is object.
2. **grey levels**: 32 or more different values, and of 32 equal ranges of them the brightest has the most pixels, 0 aside: masks with soft
   edges. From half of full intensity on a pixel is object. (With label ids the brightest range holds void, if anything, and void has fewer
   pixels than the classes.)
3. **label ids** otherwise. Void is 255; in a set with ids beyond 255 it is 65,535, and 255 is an id. Where objects are all that is wanted
   (`--task binary`, training), they are everything but 0 and void; if no mask has two different values beside 0, void is none either.

A lossy file (JPEG, lossy WebP) cannot hold ids: a set with one is of objects and background, and that file is cut at half. So a set with
ids 1 to 127 stays one of ids, whatever other values are in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import IGNORE, U8Array
from unseg_cli.core.errors import UnsegError, UsageProblem, said_of
from unseg_cli.datasets.sample import FileLike
from unseg_cli.pictures.masks import LARGEST_ID, MaskFile, decode_mask

Meaning = Literal["binary", "grey", "ids"]
#: From so many different values on, masks may be pictures in levels of grey.
FEWEST_LEVELS = 32
#: Ranges that the values are divided into; the brightest is (nearly) white.
RANGES = 32
#: Masks that are looked at where a look at all of them would delay a training.
ENOUGH = 64


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the masks of one set are read.

    Attributes:
        meaning: of the lossless files, see the module.
        lossy: some file is lossy.
        values: what occurs in the lossless files.
        void: the value of pixels that count nowhere (ids), and full intensity of levels: 255 or 65,535.
        several: some mask has two different values beside 0.
    """

    meaning: Meaning
    lossy: bool
    values: frozenset[int]
    void: int
    several: bool

    @property
    def objects_only(self) -> bool:
        """The masks tell object from background and nothing else."""
        return self.lossy or self.meaning != "ids"

    def objects(self, mask: MaskFile) -> U8Array:
        """(H, W) uint8: 1 on objects, 0 outside of them, 255 where void.

        Raises:
            UnsegError: colours.
        """
        if mask.lossy:
            return mask.bright().astype(np.uint8)
        ids = mask.ids()
        if self.meaning == "grey":
            return (ids >= (self.void + 1) // 2).astype(np.uint8)
        if self.meaning == "binary":
            # From half of its one value on, so that a soft edge in a mask that was not looked at stays one.
            return (ids >= max(1, (int(ids.max(initial=0)) + 1) // 2)).astype(np.uint8)
        if not self.several:
            return (ids != 0).astype(np.uint8)
        return np.where(ids == self.void, np.uint8(IGNORE), (ids != 0).astype(np.uint8))


def survey(masks: Iterable[MaskFile]) -> Reading:
    """Decide how masks are read.

    Args:
        masks: all of the set, or enough of them.

    Raises:
        UnsegError: colours, which are neither levels nor ids.
    """
    counts = np.zeros(LARGEST_ID + 1, np.int64)
    lossy = several = False
    for mask in masks:
        if mask.lossy:
            lossy = True
            continue
        own = np.bincount(mask.ids().ravel())
        several = several or int(np.count_nonzero(own[1:])) > 1
        counts[: len(own)] += own
    values = np.flatnonzero(counts)
    top = int(values.max(initial=0))
    full = IGNORE if top <= IGNORE else LARGEST_ID
    marks = values[values > 0].tolist()
    meaning: Meaning = "ids"
    if not several and (len(marks) <= 1 or marks == [1, full]):
        meaning = "binary"
    elif len(values) >= FEWEST_LEVELS and _mostly_white(counts[: full + 1]):
        meaning = "grey"
    return Reading(meaning=meaning, lossy=lossy, values=frozenset(values.tolist()), void=full, several=several)


def _mostly_white(counts: npt.NDArray[np.int64]) -> bool:
    ranges = np.concatenate([[0], counts[1:]]).reshape(RANGES, -1).sum(axis=1)
    return int(ranges.argmax()) == RANGES - 1


@dataclass(frozen=True)
class LazyReading:
    """The reading of a set that is decided when the first mask is read, from at most `ENOUGH` masks spread over the set."""

    sources: tuple[FileLike, ...]

    @cached_property
    def reading(self) -> Reading:
        """Decided once in each process. A mask that cannot be read says nothing of the others: its own picture is refused, later.

        Raises:
            UnsegError: none can be read.
        """
        chosen, problems = spread(self.sources, ENOUGH), list[UnsegError]()

        def readable() -> Iterator[MaskFile]:  # one at a time: masks may be as large as photographs
            for source in chosen:
                try:
                    mask = open_mask(source)
                except UnsegError as problem:
                    problems.append(problem)
                else:
                    yield mask

        reading = survey(readable())
        if problems and len(problems) == len(chosen):
            raise problems[0]
        return reading

    def objects(self, mask: MaskFile) -> U8Array:
        """See `Reading`."""
        return self.reading.objects(mask)


@dataclass(frozen=True)
class LabelTable:
    """From the values of masks to class numbers.

    Attributes:
        labels: (65536,) uint8; 255 = void.
    """

    labels: U8Array

    def __call__(self, mask: MaskFile) -> U8Array:
        """(H, W) uint8.

        Raises:
            UnsegError: a lossy file, or colours.
        """
        if mask.lossy:
            raise UnsegError("is of a lossy format, in which label ids do not survive", hint="save label ids as a grey or palette PNG")
        return self.labels[mask.ids()]


#: From a mask file to a label map.
Mapping = Callable[[MaskFile], U8Array]


def open_mask(source: FileLike) -> MaskFile:
    """A mask whose ids can be read.

    Raises:
        UnsegError: it cannot be decoded; the message names it.
        UsageProblem: it has colours, or ids beyond 65,535.
    """
    with said_of(source.path):
        mask = decode_mask(source.path, source.data())
    with said_of(source.path, UsageProblem):
        if not mask.lossy:
            mask.ids()
    return mask


def spread(items: Sequence[Any], count: int | None) -> tuple[Any, ...]:
    """At most `count` of the items, evenly spread, since neighbours in a video are alike."""
    if count is None or count >= len(items):
        return tuple(items)
    return tuple(items[int(place)] for place in np.linspace(0, len(items) - 1, count))


def label_table(ids: Sequence[int]) -> npt.NDArray[np.uint8]:
    """(65536,) uint8: the place of each value in `ids`, or 255."""
    table = np.full(LARGEST_ID + 1, IGNORE, np.uint8)
    table[list(ids)] = np.arange(len(ids))
    return table

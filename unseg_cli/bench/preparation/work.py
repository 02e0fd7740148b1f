"""What every step of preparing pictures needs, and how it reads them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from unseg_cli.bench.examples import Target
from unseg_cli.bench.grid import Size
from unseg_cli.bench.preparation.cache import PictureCache, RowFiles
from unseg_cli.bench.preparation.maker import ConditionMaker, Original
from unseg_cli.bench.tasks import Task
from unseg_cli.core.constants import U8Array
from unseg_cli.core.events import Events
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import Sample

GENERATOR_BATCH = 8

#: As the built-in one, but the calls may run in several threads.
Map = Callable[..., Iterable[Any]]


@dataclass(frozen=True, kw_only=True)
class Work:
    """Where pictures come from, and where they go.

    Attributes:
        cache: where prepared pictures go.
        maker: makes the conditions.
        data: what is read.
        task: makes the targets.
        each: runs what is done to each picture.
        events: a step is advanced for each picture.
    """

    cache: PictureCache
    maker: ConditionMaker
    data: LabelledData
    task: Task
    each: Map
    events: Events

    def originals(self, samples: Sequence[Sample]) -> Iterator[tuple[int, list[Original]]]:
        """The pictures in batches for the generator, with the number of the first; threads read the next batch while one is at work."""
        starts = range(0, len(samples), GENERATOR_BATCH)
        coming = self.each(self.maker.read, samples[:GENERATOR_BATCH])
        for first in starts:
            originals = list(coming)
            after = first + GENERATOR_BATCH
            coming = self.each(self.maker.read, samples[after : after + GENERATOR_BATCH])
            yield first, originals


def to_size(image: U8Array, size: Size) -> U8Array:
    """Resize a picture, (H, W, 3) uint8, to (height, width): bilinear, antialiased."""
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def fill_labels(files: RowFiles, labels: dict[Size, Any], number: int, target: Target) -> None:
    """Write the label maps of a picture at each size."""
    for size, path in labels.items():
        files.fill_target(path, number, target.resized(size))


@contextlib.contextmanager
def threads(workers: int) -> Iterator[Map]:
    """A `map` that runs in so many threads; 0: in this one."""
    if workers == 0:
        yield map
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="unseg-prepare")
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)

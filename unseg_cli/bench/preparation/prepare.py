"""Fills the cache: pictures are decoded, changed, defended and resized, in this order, several at a time.

Test pictures are clean, but for what a countermeasure does to test pictures, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from unseg_cli.bench.conditions import CLEAN, PROTECTED, Condition
from unseg_cli.bench.countermeasures.base import Countermeasure, Pair
from unseg_cli.bench.countermeasures.registry import COUNTERMEASURES
from unseg_cli.bench.examples import Examples, Target
from unseg_cli.bench.grid import PictureSet, Size
from unseg_cli.bench.preparation.cache import PictureCache, RowFiles, open_examples
from unseg_cli.bench.preparation.maker import ConditionMaker, Drawn, Original
from unseg_cli.bench.preparation.minimised import SIDE, minimise
from unseg_cli.bench.preparation.visibility import Seen, Visibility, look, put_together
from unseg_cli.bench.tasks import Task
from unseg_cli.core.constants import IGNORE, U8Array
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import Sample, read_image

GENERATOR_BATCH = 8
#: Pictures that an attacker protects to learn from.
MOST_PAIRS = 100
CPU = torch.device("cpu")

#: As the built-in one, but the calls may run in several threads.
Map = Callable[..., Iterable[Any]]


def prepare(
    cache: PictureCache,
    maker: ConditionMaker,
    data: LabelledData,
    task: Task,
    sets: Iterable[PictureSet],
    *,
    known: Iterable[str] = (),
    workers: int = 0,
    device: torch.device = CPU,
    events: Events,
) -> dict[str, Visibility]:
    """Prepare sets of training pictures, and the test pictures that go with them, where the cache does not hold them yet.

    Args:
        cache: where they go.
        maker: makes the conditions.
        data: what is read.
        task: makes the targets.
        sets: what is needed.
        known: the names of conditions whose noise was measured before.
        workers: threads that decode, change and resize pictures; 0: the calling one. The pictures are the same for any number.
        device: where noise is found that has to be found for each picture.
        events: a step is advanced for each picture.

    Returns:
        For every condition that was measured, how visible its noise is on the training pictures at their original size; see
        `put_together` in visibility.py. Where unsure detections were corrected, also how many: "corrected".

    Raises:
        UnsegError: a picture cannot be read, its mask has another size, or nothing counts in the masks of a split.
    """
    wanted = list(dict.fromkeys(sets))
    with _threads(workers) as each:
        absent = [one for one in wanted if not cache.train(one).exists()]
        steps = _learned(absent, maker, data, events)
        needed = [one.condition for one in wanted if one in absent or one.condition.name not in known]
        for condition in dict.fromkeys(one for one in needed if one.noise == "minimised"):
            if not (path := cache.minimised(condition)).exists():
                _minimise(path, condition, cache, maker, data, task, each, device, events)
            maker.keep(condition, np.load(path, mmap_mode="r"))
        visibility = _prepare_train(cache, maker, data, task, wanted, set(known), steps, each, events)
        _prepare_test(cache, data, task, wanted, each, events)
    labels = {cache.labels("train", one.size, _moved_by(one.countermeasure)): "training" for one in wanted}
    labels |= {cache.labels("test", one.size): "test" for one in wanted}
    for path, split in labels.items():
        if all((values == IGNORE).all() for values in np.load(path, mmap_mode="r")):
            raise UsageProblem(f"{data.name}: no pixel of a {split} mask counts, all are void", hint=f"{IGNORE} is void, not a class")
    return visibility


def train_examples(cache: PictureCache, pictures: PictureSet) -> Examples:
    """A prepared set of training pictures."""
    return open_examples(cache.train(pictures), cache.labels("train", pictures.size, _moved_by(pictures.countermeasure)))


def test_examples(cache: PictureCache, countermeasure: str, size: Size) -> Examples:
    """The test pictures for victims that were trained under a countermeasure."""
    return open_examples(cache.test(_seen_by(countermeasure), size), cache.labels("test", size))


def to_size(image: U8Array, size: Size) -> U8Array:
    """Resize a picture, (H, W, 3) uint8, to (height, width): bilinear, antialiased."""
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _learned(absent: list[PictureSet], maker: ConditionMaker, data: LabelledData, events: Events) -> dict[str, Countermeasure]:
    """The countermeasures of these sets, those that learn after they have seen pairs.

    The attacker's own pictures are the clean test pictures: of the same kind, and nobody else's. They are protected as the plain condition
    says, with true masks.
    """
    steps = {one.countermeasure: COUNTERMEASURES[one.countermeasure] for one in absent}
    if any(step.learns for step in steps.values()):
        events.detail("the attacker learns from pairs of clean and protected pictures")
        conditions = [Condition.parse(name, masks="gt", budget=absent[0].condition.budget) for name in (CLEAN, PROTECTED)]

        def pairs() -> Iterator[Pair]:
            for sample in data.test[:MOST_PAIRS]:
                (made,) = maker.batch([sample], conditions)
                yield Pair(*(made[condition] for condition in conditions))

        steps = {name: step.learned(pairs()) if step.learns else step for name, step in steps.items()}
    return steps


def _minimise(
    path: Path,
    condition: Condition,
    cache: PictureCache,
    maker: ConditionMaker,
    data: LabelledData,
    task: Task,
    each: Map,
    device: torch.device,
    events: Events,
) -> None:
    """Find the noise of all training pictures, and write it."""
    clean = PictureSet(condition=Condition.parse(CLEAN, masks="gt", budget=condition.budget), countermeasure="none", size=(SIDE, SIDE))
    _prepare_train(cache, maker, data, task, [clean], set(), {"none": COUNTERMEASURES["none"]}, each, events)
    inside, outside = (round(255 * bound) for bound in (condition.budget.foreground, condition.budget.background))
    bounds = torch.empty((len(data.train), SIDE, SIDE), dtype=torch.uint8)
    for first, originals in _read_ahead(maker, data.train, each):
        for number, drawn in enumerate(maker.draw(originals, [condition]), first):
            mask = np.asarray(Image.fromarray(drawn[condition].mask).resize((SIDE, SIDE), Image.Resampling.NEAREST))
            bounds[number] = torch.from_numpy(np.where(mask, inside, outside))
    part = path.with_name(f".{path.name}")
    noise = np.lib.format.open_memmap(part, mode="w+", dtype=np.int8, shape=(len(data.train), 3, SIDE, SIDE))
    minimise(
        noise, train_examples(cache, clean), bounds, task=task, classes=data.classes, things=data.things or (), device=device, events=events
    )
    noise.flush()
    part.replace(path)


def _prepare_train(
    cache: PictureCache,
    maker: ConditionMaker,
    data: LabelledData,
    task: Task,
    wanted: list[PictureSet],
    known: set[str],
    steps: dict[str, Countermeasure],
    each: Map,
    events: Events,
) -> dict[str, Visibility]:
    absent = [one for one in wanted if not cache.train(one).exists()]
    labels = {
        (moved, size): cache.labels("train", size, moved) for moved, size in {(_moved_by(one.countermeasure), one.size) for one in wanted}
    }
    labels = {key: path for key, path in labels.items() if not path.exists()}
    conditions = list(dict.fromkeys(one.condition for one in wanted if one in absent or one.condition.name not in known))
    measured = [condition for condition in conditions if not condition.clean]
    if not absent and not labels and not measured:
        return {}
    shapes: dict[Any, tuple[int, ...]] = {cache.train(one): (len(data.train), *one.size, 3) for one in absent}
    shapes |= {path: (len(data.train), *size) for (_, size), path in labels.items()}
    seen: dict[Condition, list[Seen]] = {condition: [] for condition in measured}
    corrected = dict.fromkeys((one for one in measured if one.masks == "corrected"), 0)
    events.start(len(data.train), "preparing training pictures")
    with RowFiles(shapes, labels.values() if task.tells_objects else ()) as files:

        def finish(number: int, original: Original, drawn: Drawn) -> list[Seen]:
            made, target = maker.make(original, drawn, conditions, number), task.target(original.truth)
            for condition, countermeasure in dict.fromkeys((one.condition, one.countermeasure) for one in absent):
                image, _ = steps[countermeasure].store(made[condition], target, number)
                for one in absent:
                    if (one.condition, one.countermeasure) == (condition, countermeasure):
                        files.fill(cache.train(one), number, to_size(image, one.size))
            for moved in dict.fromkeys(moved for moved, _ in labels):
                _, kept = COUNTERMEASURES[moved].store(original.image, target, number)
                _fill_labels(files, {size: path for (by, size), path in labels.items() if by == moved}, number, kept)
            return [look(original.image, made[condition], number=number) for condition in measured]

        for first, originals in _read_ahead(maker, data.train, each):
            drawn = maker.draw(originals, conditions)
            for condition in corrected:
                corrected[condition] += sum(one[condition].mask_source == "file" for one in drawn)
            for found in each(finish, range(first, first + len(originals)), originals, drawn):
                for condition, one in zip(measured, found, strict=True):
                    seen[condition].append(one)
                events.advance()
    events.stop()
    for condition, values in seen.items():
        # Under a ratio the others are clean on purpose. An owner who hands the originals over would read that protection does nothing.
        same = sum(one.difference.linf_255 == 0 for one in values)
        if condition.noise == "ready" and condition.share == 1 and same:
            events.warn(f"{same} of {len(values)} pictures of --protected equal their clean ones: nothing protects them")
    counted: dict[Condition, Visibility] = {condition: {"corrected": number} for condition, number in corrected.items()}
    return {condition.name: put_together(values) | counted.get(condition, {}) for condition, values in seen.items()}


def _prepare_test(cache: PictureCache, data: LabelledData, task: Task, wanted: list[PictureSet], each: Map, events: Events) -> None:
    seen = dict.fromkeys((_seen_by(one.countermeasure), one.size) for one in wanted)
    absent = [(countermeasure, size) for countermeasure, size in seen if not cache.test(countermeasure, size).exists()]
    labels = {size: cache.labels("test", size) for _, size in seen}
    labels = {size: path for size, path in labels.items() if not path.exists()}
    if not absent and not labels:
        return
    shapes: dict[Any, tuple[int, ...]] = {cache.test(*one): (len(data.test), *one[1], 3) for one in absent}
    shapes |= {path: (len(data.test), *size) for size, path in labels.items()}
    events.start(len(data.test), "preparing test pictures")
    with RowFiles(shapes, labels.values() if task.tells_objects else ()) as files:

        def finish(number: int, sample: Sample) -> None:
            image = read_image(sample.image)
            for countermeasure, size in absent:
                files.fill(cache.test(countermeasure, size), number, to_size(COUNTERMEASURES[countermeasure].picture(image), size))
            _fill_labels(files, labels, number, task.target(sample.truth()))

        for _ in each(finish, range(len(data.test)), data.test):
            events.advance()
    events.stop()


def _fill_labels(files: RowFiles, labels: dict[Size, Any], number: int, target: Target) -> None:
    for size, path in labels.items():
        files.fill_target(path, number, target.resized(size))


def _seen_by(countermeasure: str) -> str:
    """Which countermeasure test pictures go through: those of all that leave them alone are the same."""
    return countermeasure if COUNTERMEASURES[countermeasure].also_test else "none"


def _moved_by(countermeasure: str) -> str:
    """Which countermeasure label maps go through: those of all that leave them alone are the same."""
    return countermeasure if COUNTERMEASURES[countermeasure].moves else "none"


def _read_ahead(maker: ConditionMaker, samples: Sequence[Sample], each: Map) -> Iterator[tuple[int, list[Original]]]:
    """The pictures in batches for the generator, with the number of the first; threads read the next batch while one is at work."""
    starts = range(0, len(samples), GENERATOR_BATCH)
    coming = each(maker.read, samples[:GENERATOR_BATCH])
    for first in starts:
        originals = list(coming)
        after = first + GENERATOR_BATCH
        coming = each(maker.read, samples[after : after + GENERATOR_BATCH])
        yield first, originals


@contextlib.contextmanager
def _threads(workers: int) -> Iterator[Map]:
    """A `map` that runs in so many threads; 0: in this one."""
    if workers == 0:
        yield map
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="unseg-prepare")
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)

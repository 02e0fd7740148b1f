"""Fills the cache: pictures are decoded, changed, defended and resized, in this order, several at a time.

Test pictures are clean, but for what a countermeasure does to test pictures, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from unseg_cli.bench.conditions import CLEAN, PROTECTED, Condition
from unseg_cli.bench.countermeasures.base import Countermeasure, Pair
from unseg_cli.bench.countermeasures.registry import COUNTERMEASURES
from unseg_cli.bench.examples import Examples
from unseg_cli.bench.grid import PictureSet, Size
from unseg_cli.bench.preparation.cache import PictureCache, RowFiles, open_examples
from unseg_cli.bench.preparation.maker import ConditionMaker
from unseg_cli.bench.preparation.minimised import SIDE, minimise
from unseg_cli.bench.preparation.training_pictures import Missing, moved_by, prepare_training
from unseg_cli.bench.preparation.visibility import Visibility
from unseg_cli.bench.preparation.work import Work, fill_labels, threads, to_size
from unseg_cli.bench.tasks import Task
from unseg_cli.core.constants import IGNORE
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import Sample, read_image

#: Pictures that an attacker protects to learn from.
MOST_PAIRS = 100
CPU = torch.device("cpu")


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
    with threads(workers) as each:
        work = Work(cache=cache, maker=maker, data=data, task=task, each=each, events=events)
        missing = Missing.of(cache, wanted, set(known))
        steps = _learned(work, missing.sets)
        for condition in (one for one in missing.conditions if one.noise == "minimised"):
            if not (path := cache.minimised(condition)).exists():
                _minimise(work, condition, path, device)
            maker.keep(condition, np.load(path, mmap_mode="r"))
        visibility = prepare_training(work, wanted, set(known), steps)
        _prepare_test(work, wanted)
    labels = {cache.labels("train", one.size, moved_by(one.countermeasure)): "training" for one in wanted}
    labels |= {cache.labels("test", one.size): "test" for one in wanted}
    for path, split in labels.items():
        if all((values == IGNORE).all() for values in np.load(path, mmap_mode="r")):
            raise UsageProblem(f"{data.name}: no pixel of a {split} mask counts, all are void", hint=f"{IGNORE} is void, not a class")
    return visibility


def train_examples(cache: PictureCache, pictures: PictureSet) -> Examples:
    """A prepared set of training pictures."""
    return open_examples(cache.train(pictures), cache.labels("train", pictures.size, moved_by(pictures.countermeasure)))


def test_examples(cache: PictureCache, countermeasure: str, size: Size) -> Examples:
    """The test pictures for victims that were trained under a countermeasure."""
    return open_examples(cache.test(_seen_by(countermeasure), size), cache.labels("test", size))


def _learned(work: Work, absent: Sequence[PictureSet]) -> dict[str, Countermeasure]:
    """The countermeasures of these sets, those that learn after they have seen pairs.

    The attacker's own pictures are the clean test pictures: of the same kind, and nobody else's. They are protected as the plain condition
    says, with true masks.
    """
    steps = {one.countermeasure: COUNTERMEASURES[one.countermeasure] for one in absent}
    if any(step.learns for step in steps.values()):
        work.events.detail("the attacker learns from pairs of clean and protected pictures")
        conditions = [Condition.parse(name, masks="gt", budget=absent[0].condition.budget) for name in (CLEAN, PROTECTED)]

        def pairs() -> Iterator[Pair]:
            for sample in work.data.test[:MOST_PAIRS]:
                (made,) = work.maker.batch([sample], conditions)
                yield Pair(*(made[condition] for condition in conditions))

        steps = {name: step.learned(pairs()) if step.learns else step for name, step in steps.items()}
    return steps


def _minimise(work: Work, condition: Condition, path: Path, device: torch.device) -> None:
    """Find the noise of all training pictures, and write it."""
    data = work.data
    clean = PictureSet(condition=Condition.parse(CLEAN, masks="gt", budget=condition.budget), countermeasure="none", size=(SIDE, SIDE))
    prepare_training(work, [clean], set(), {"none": COUNTERMEASURES["none"]})
    inside, outside = (round(255 * bound) for bound in (condition.budget.foreground, condition.budget.background))
    bounds = torch.empty((len(data.train), SIDE, SIDE), dtype=torch.uint8)
    for first, originals in work.originals(data.train):
        for number, drawn in enumerate(work.maker.draw(originals, [condition]), first):
            mask = np.asarray(Image.fromarray(drawn[condition].mask).resize((SIDE, SIDE), Image.Resampling.NEAREST))
            bounds[number] = torch.from_numpy(np.where(mask, inside, outside))
    part = path.with_name(f".{path.name}")
    noise = np.lib.format.open_memmap(part, mode="w+", dtype=np.int8, shape=(len(data.train), 3, SIDE, SIDE))
    minimise(
        noise,
        train_examples(work.cache, clean),
        bounds,
        task=work.task,
        classes=data.classes,
        things=data.things or (),
        device=device,
        events=work.events,
    )
    del noise  # closes the file, which is whole then; Windows does not rename open ones
    part.replace(path)


def _prepare_test(work: Work, wanted: Sequence[PictureSet]) -> None:
    cache, data = work.cache, work.data
    seen = dict.fromkeys((_seen_by(one.countermeasure), one.size) for one in wanted)
    absent = [(countermeasure, size) for countermeasure, size in seen if not cache.test(countermeasure, size).exists()]
    labels = {size: cache.labels("test", size) for _, size in seen}
    labels = {size: path for size, path in labels.items() if not path.exists()}
    if not absent and not labels:
        return
    shapes: dict[Any, tuple[int, ...]] = {cache.test(*one): (len(data.test), *one[1], 3) for one in absent}
    shapes |= {path: (len(data.test), *size) for size, path in labels.items()}
    work.events.start(len(data.test), "preparing test pictures")
    with RowFiles(shapes, labels.values() if work.task.tells_objects else ()) as files:

        def store(number: int, sample: Sample) -> None:
            image = read_image(sample.image)
            for countermeasure, size in absent:
                files.fill(cache.test(countermeasure, size), number, to_size(COUNTERMEASURES[countermeasure].picture(image), size))
            fill_labels(files, labels, number, work.task.target(sample.truth()))

        for _ in work.each(store, range(len(data.test)), data.test):
            work.events.advance()
    work.events.stop()


def _seen_by(countermeasure: str) -> str:
    """Which countermeasure test pictures go through: those of all that leave them alone are the same."""
    return countermeasure if COUNTERMEASURES[countermeasure].also_test else "none"

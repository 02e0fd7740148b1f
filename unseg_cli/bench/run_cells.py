"""The work of a run: prepare pictures, train and test every cell that RUN does not hold yet, and draw what came of it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unseg_cli.bench.conditions import CLEAN, PROTECTED, RANDOM, TEXTURE, Condition
from unseg_cli.bench.countermeasures.registry import COUNTERMEASURES
from unseg_cli.bench.examples import Examples
from unseg_cli.bench.fit import Training, train_victim
from unseg_cli.bench.grid import Cell, PictureSet, Size
from unseg_cli.bench.metrics.protocol import OF_CLASS
from unseg_cli.bench.preparation.cache import PictureCache
from unseg_cli.bench.preparation.maker import ConditionMaker
from unseg_cli.bench.preparation.prepare import prepare, test_examples, train_examples
from unseg_cli.bench.report.plots import draw_samples
from unseg_cli.bench.run_folder import RunFolder
from unseg_cli.bench.tasks import Task
from unseg_cli.bench.victims.base import VictimSpec
from unseg_cli.bench.victims.registry import ON, find_victim
from unseg_cli.core.device import seed_everything
from unseg_cli.core.events import Events
from unseg_cli.core.runs import read_json, write_json_atomically
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import read_image

SAMPLES = 4  # pictures in samples.png


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all cells of a run share.

    Attributes:
        data: the data set.
        task: its task.
        maker: makes the conditions.
        share: of the training pictures, those that are changed.
        workers: threads that prepare pictures.
        device: where victims are trained.
        encoder_weights: a file with the ImageNet weights of their encoder; None: of a package, or the hub.
    """

    data: LabelledData
    task: Task
    maker: ConditionMaker
    share: float
    workers: int
    device: torch.device
    encoder_weights: Path | None = None


def run_cells(todo: list[Cell], folder: RunFolder, setting: Setting, events: Events) -> None:
    """Train and test every cell that RUN does not hold yet."""
    missing = [cell for cell in todo if not folder.result(cell).exists()]
    if missing:
        _run_missing(missing, todo, folder, setting, events)
    if missing or not folder.samples.exists():  # a run that was stopped after its last cell has none yet
        draw_pictures(todo, folder, setting)
    setting.maker.forget()
    shutil.rmtree(folder.prepared, ignore_errors=True)


def _run_missing(missing: list[Cell], todo: list[Cell], folder: RunFolder, setting: Setting, events: Events) -> None:
    # Weights that have to be fetched or named are asked for before minutes are spent on preparing pictures.
    for cell in {cell.victim: cell for cell in missing if ON in cell.victim}.values():
        find_victim(cell.victim).build(spec_of(cell, setting))
    cache, noise = PictureCache(folder.prepared, data=todo[0].data, noise=todo[0].noise), read_json(folder.noise)
    measured = prepare(
        cache, setting.maker, setting.data, setting.task, picture_sets(missing),
        known=noise, workers=setting.workers, device=setting.device, events=events,
    )  # fmt: skip
    write_json_atomically(folder.noise, {**noise, **measured})
    floors: dict[Size, float] = {}
    for number, cell in enumerate(missing, 1):
        events.detail(f"cell {number} of {len(missing)}: {cell.label}")
        if cell.size not in floors:
            targets = test_examples(cache, cell.countermeasure, cell.size).targets
            floors[cell.size] = setting.task.floor(targets, setting.data.classes)
        run_cell(cell, cache, folder, setting, events, floors[cell.size])


def picture_sets(todo: Iterable[Cell]) -> list[PictureSet]:
    """What these cells are trained on, the clean pictures that a share under 1 mixes in among them."""
    sets = [cell.pictures for cell in todo if not cell.condition.omits]
    sets += [clean_pictures(cell) for cell in todo if cell.condition.share < 1]
    return list(dict.fromkeys(sets))


def clean_pictures(cell: Cell) -> PictureSet:
    """The clean version of what a cell is trained on."""
    clean = Condition.parse(CLEAN, masks=cell.condition.masks, budget=cell.condition.budget)
    return dataclasses.replace(cell.pictures, condition=clean)


def run_cell(cell: Cell, cache: PictureCache, folder: RunFolder, setting: Setting, events: Events, floor: float) -> None:
    """Train and test one victim, and keep its row, with the score that needs no learning."""
    classes = setting.data.classes
    train = train_examples(cache, clean_pictures(cell) if cell.condition.omits else cell.pictures)
    if cell.condition.omits:
        train = unchanged(train, cell.condition.share, cell.seed)
    elif cell.condition.share < 1:
        clean = train_examples(cache, clean_pictures(cell))
        train = Examples(images=mix(clean.images, train.images, cell.condition.share, cell.seed), targets=train.targets)
    seed_everything(cell.seed)  # the same start and the same order for every condition
    victim = find_victim(cell.victim).build(spec_of(cell, setting))
    events.start(cell.schedule.epochs * max(1, len(train) // cell.schedule.batch_size), cell.label)
    test = test_examples(cache, cell.countermeasure, cell.size)
    trained = train_victim(
        victim, train, test, task=setting.task, classes=classes, schedule=cell.schedule,
        countermeasure=COUNTERMEASURES[cell.countermeasure], seed=cell.seed, device=setting.device, events=events, keep_predictions=SAMPLES,
    )  # fmt: skip
    events.stop()
    headline = setting.task.headline
    events.info(f"{cell.label}: {trained.epochs[-1].scores[headline]:.1f} {headline} after {trained.seconds:.0f} s")
    folder.write_cell(cell, cell_document(cell, setting.share, setting.task, classes, trained, floor=floor), trained.predictions)


def spec_of(cell: Cell, setting: Setting) -> VictimSpec:
    """What the victim of a cell is built for."""
    return VictimSpec(
        task=setting.task.name,
        classes=setting.data.classes,
        pretrained=cell.init == "pretrained",
        side=max(cell.size),
        things=setting.data.things or (),
        encoder_weights=setting.encoder_weights,
    )


def mix(clean: torch.Tensor, changed: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """(N, 3, H, W): a random `share` of the pictures from `changed`, the others from `clean`."""
    order = torch.randperm(len(clean), generator=torch.Generator().manual_seed(seed))
    mixed = clean.clone()
    chosen = order[: round(share * len(clean))]
    mixed[chosen] = changed[chosen]
    return mixed


def unchanged(clean: Examples, share: float, seed: int) -> Examples:
    """Those that `mix` takes from the clean ones, at the same share and seed."""
    order = torch.randperm(len(clean), generator=torch.Generator().manual_seed(seed))
    kept = order[round(share * len(clean)) :]
    return Examples(images=clean.images[kept], targets=[clean.targets[place] for place in kept.tolist()])


def draw_pictures(todo: list[Cell], folder: RunFolder, setting: Setting) -> None:
    """samples.png of the first victim, seed and countermeasure: test pictures, the same protected, and what two trained victims say."""
    data, first, samples = setting.data, todo[0], setting.data.test[:SAMPLES]
    same = {
        cell.condition.name: cell
        for cell in todo
        if (cell.victim, cell.seed, cell.countermeasure) == (first.victim, first.seed, first.countermeasure)
    }
    rival = next((name for name in (PROTECTED, TEXTURE, RANDOM) if name in same), None)
    columns = [("picture", [read_image(sample.image) for sample in samples])]
    # Of pictures that were protected elsewhere only the training ones are there.
    if rival and same[rival].condition.noise != "ready":
        columns.append((rival, [made[same[rival].condition] for made in setting.maker.batch(samples, [same[rival].condition])]))
    for name in (CLEAN, rival):
        if name in same and (path := folder.predictions(same[name])).exists():
            columns.append((f"trained on {name}", list(torch.load(path, weights_only=True).numpy())))
    draw_samples(folder.path, [*columns, ("truth", [data.read_labels(sample) for sample in samples])])


def cell_document(cell: Cell, share: float, task: Task, classes: Sequence[str], trained: Training, *, floor: float) -> dict[str, Any]:
    """What is kept of one training: its row of results.json, its scores by class and its curve.

    Args:
        cell: what was trained.
        share: --ratio, which clean rows are also written under.
        task: names the headline score.
        classes: the names of all classes; of those that do not occur the score is None.
        trained: what became of it.
        floor: the score that needs no learning.
    """
    main, per_picture = task.headline, f"{task.headline}_per_picture"  # not every metric has the second
    last = trained.epochs[-1]
    best = max(trained.epochs, key=lambda epoch: epoch.scores[main])
    row = {
        "victim": cell.victim,
        "condition": cell.condition.name,
        "defence": cell.countermeasure,
        "init": cell.init,
        "ratio": share,
        "seed": cell.seed,
        "metric": main,
        "final": last.scores[main],
        "best": best.scores[main],
        "best_epoch": best.epoch,
        "floor": floor,
        "train_metric": trained.train_scores[main],
        "seconds": round(trained.seconds, 2),
        "final_per_picture": last.scores.get(per_picture),
        "final_dice": last.scores.get("dice"),
        "epochs": cell.schedule.epochs,
        "augment": cell.schedule.augment,
        "height": cell.size[0],
        "width": cell.size[1],
        "scores": {
            name: value if value == value else None for name, value in last.scores.items() if OF_CLASS not in name
        },  # no NaN in JSON
        **({"batch_parts": trained.parts} if trained.parts > 1 else {}),
    }
    return {
        "row": row,
        "per_class": [last.scores.get(f"{task.of_class}{OF_CLASS}{name}") for name in classes],
        "curve": [
            {"epoch": epoch.epoch, "loss": epoch.loss, "metric": epoch.scores[main], "per_picture": epoch.scores.get(per_picture)}
            for epoch in trained.epochs
        ],
    }

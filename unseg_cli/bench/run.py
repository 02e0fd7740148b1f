"""`unseg bench`: train victims on clean and on protected pictures, test both on clean ones, and report what the protection cost them.

Here the options are resolved to values, once; everything that is called takes those. A finished cell is a file in RUN/rows, so that a run
which was interrupted goes on with `--resume` where it stopped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import cast

from unseg_cli.bench.conditions import CLEAN, PROTECTED, Condition
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.countermeasures.registry import COUNTERMEASURES, find_countermeasure
from unseg_cli.bench.grid import DataRecipe, NoiseRecipe, Size, cells
from unseg_cli.bench.preparation.maker import ConditionMaker, given_masks, ready_pictures
from unseg_cli.bench.preparation.resized import of_size
from unseg_cli.bench.report.plots import draw_bars, draw_curves
from unseg_cli.bench.report.tables import write_tables
from unseg_cli.bench.results import shortfall, summarise
from unseg_cli.bench.run_cells import Setting, run_cells
from unseg_cli.bench.run_folder import Document, RunFolder, run_document
from unseg_cli.bench.tasks import TASKS
from unseg_cli.bench.victims.registry import ON, VictimEntry, find_victim, schedule_for
from unseg_cli.bench.victims.schedule import Schedule, find_augment
from unseg_cli.bench.victims.speeds import minutes, speeds
from unseg_cli.core.device import pick_device
from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.core.events import Events, Report
from unseg_cli.core.runs import read_json
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.datasets.sample import read_image
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.pictures.masks import DETECTIONS
from unseg_cli.pictures.stores.local import LocalStore

FEWEST_STEPS = 12  # in an epoch
#: The most of each that --quick leaves.
QUICK = {"limit": 96, "image_size": 128, "epochs": 8}


def bench(config: BenchConfig, events: Events) -> Report:
    """Run the benchmark that `config` describes.

    Returns:
        A report whose document is results.json; exit code 1 where the drop is under `config.fail_under`.

    Raises:
        UsageProblem: an option that cannot be honoured, or RUN holds other results.
        EnvironmentProblem: a package, weights file or device is missing, or another run is writing to RUN.
    """
    if config.quick:
        config = quick(config)
        events.warn("--quick: a smoke test that shows that everything runs; its numbers say nothing")
    conditions = read_conditions(config)
    for name in config.defences:
        find_countermeasure(name)
    device = pick_device(config.device)
    entries = [find_victim(name if config.encoder is None else f"{name}{ON}{config.encoder}") for name in config.victims]
    classes = config.classes or ()
    data = of_size(open_labelled(config.data, limit=config.limit, task=config.task, classes=classes), config.source_size)
    task, objects = TASKS[data.task], data.foreground_labels(config.mask_rule)
    if task.tells_objects and config.source_size is not None:
        raise UsageProblem(f"--source-size is not for the task {task.name}", hint="resize the files and their annotations, and pass those")
    schedules = {entry.name: resolve_schedule(entry, data, config) for entry in entries}
    if config.quick:
        data = dataclasses.replace(data, smoke_test=True)
    elif data.smoke_test:
        events.warn("synthetic pictures: a smoke test that shows the machinery runs; its numbers say nothing about real pictures")
    for note in data.notes:
        events.warn(note)
    if config.dry_run:
        return plan(config, data, schedules)
    drawn = any(one.uses_generator for one in conditions) or any(COUNTERMEASURES[name].learns for name in config.defences)
    session = Session(open_runtime(config.generator, device=str(device))) if drawn else None
    source = None if session is None else cast(GeneratorFile, session.generator.source)
    maker = ConditionMaker(
        objects,
        session,
        ready=ready_pictures(config.protected, data) if config.protected and PROTECTED in config.conditions else None,
        masks=given_masks(config.masks_from, data) if config.masks_from else None,
    )
    todo = cells(
        data=DataRecipe(
            name=config.data,
            task=data.task,
            limit=config.limit,
            objects=objects,
            source_size=config.source_size,
            classes=classes,
        ),
        victims=[(entry.name, schedules[entry.name], training_size(data, schedules[entry.name].image_size)) for entry in entries],
        seeds=config.seeds,
        countermeasures=config.defences,
        conditions=conditions,
        init=config.init,
        noise=NoiseRecipe(
            generator=None if source is None else source.sha256,
            ready=None if config.protected is None else str(config.protected),
            masks=None if config.masks_from is None else str(config.masks_from),
            finder=None if session is None else session.finder.identity,
        ),
    )
    setting = Setting(
        data=data, task=task, maker=maker, share=config.ratio, workers=config.workers, device=device, encoder_weights=config.encoder_weights
    )
    with LocalStore(config.out).locked():  # two runs would train the same cells, and tidy up what the other one has prepared
        folder = RunFolder(config.out)
        run = folder.open(run_document(config, data, objects, schedules, source), resume=config.resume)
        run_cells(todo, folder, setting, events)

        results = [read_json(folder.result(cell)) for cell in todo]
        document = results_document(setting, mask_source(config), config.conditions, results, read_json(folder.noise))
        write_tables(config.out, document, results, data.classes, run)
        draw_curves(config.out, results)
        draw_bars(config.out, document)
        too_low = shortfall(document["summary"], config.fail_under)
        return Report(document=document, exit_code=1 if too_low else 0, closing=(*too_low, f"results are in {config.out}"))


def quick(config: BenchConfig) -> BenchConfig:
    """The same in a few minutes: fewer and smaller pictures, shorter trainings, one seed."""
    return dataclasses.replace(
        config,
        limit=min(config.limit or QUICK["limit"], QUICK["limit"]),
        image_size=min(config.image_size or QUICK["image_size"], QUICK["image_size"]),
        epochs=min(config.epochs or QUICK["epochs"], QUICK["epochs"]),
        seeds=config.seeds[:1],
    )


def plan(config: BenchConfig, data: LabelledData, schedules: dict[str, Schedule]) -> Report:
    """What a run would train, and how long that takes on the processor that was measured; nothing is written."""
    rows: list[Document] = []
    trainings = len(config.conditions) * len(config.defences) * len(config.seeds)
    for victim, schedule in schedules.items():
        each = minutes(victim, data.task, schedule, train=len(data.train), test=len(data.test))
        rows.append(
            {
                "victim": victim,
                "trainings": trainings,
                "epochs": schedule.epochs,
                "image_size": schedule.image_size,
                "minutes_each": None if each is None else round(each, 1),
                "minutes": None if each is None else round(each * trainings, 1),
            }
        )
    known = [float(row["minutes"]) for row in rows if row["minutes"] is not None]
    document = {
        "schema": 1,
        "command": "bench",
        "dry_run": True,
        "task": data.task,
        "data": data.name,
        "train_pictures": len(data.train),
        "test_pictures": len(data.test),
        "plan": rows,
        "minutes": round(sum(known), 1) if len(known) == len(rows) else None,
    }
    where = f"on {speeds()['threads']} cores like those that were measured, without preparing pictures"
    return Report(document=document, closing=(f"minutes are {where}; nothing was written",))


def read_conditions(config: BenchConfig) -> list[Condition]:
    """The conditions by name.

    Raises:
        UsageProblem: an unknown condition, mask source or init, a ratio beyond [0, 1], a learning rate of 0, or a threshold without what
            it compares.
    """
    budget = config.budget
    if config.masks_from is not None and (config.masks_from / DETECTIONS).is_file():  # as `protect` takes masks that `detect` made
        budget = budget.of_photographs()
    conditions = [
        Condition.parse(name, masks=mask_source(config), budget=budget, share=config.ratio, ready=config.protected is not None)
        for name in config.conditions
    ]
    if config.ratio == 1 and any(condition.omits for condition in conditions):
        raise UsageProblem("the condition clean-subset needs a --ratio under 1: nothing stays clean", hint="pass --ratio 0.8, or omit it")
    if config.init not in ("pretrained", "scratch"):
        raise UsageProblem(f"--init {config.init!r} is not known", hint=did_you_mean(config.init, ["pretrained", "scratch"]))
    if not 0 <= config.ratio <= 1:
        raise UsageProblem(f"--ratio {config.ratio} is not in [0, 1]", hint="it is the share of training pictures that is protected")
    if config.lr is not None and not config.lr > 0:
        raise UsageProblem(f"--lr {config.lr:g} would teach nothing", hint="pass a number above 0, such as 1e-3")
    if config.source_size is not None and config.protected is not None:
        raise UsageProblem(
            "--source-size and --protected exclude each other: what was protected keeps its size",
            hint="protect files of that size, and pass a --data that holds them",
        )
    if config.fail_under is not None and not {CLEAN, PROTECTED} <= set(config.conditions):
        raise UsageProblem("--fail-under needs the conditions clean and protected", hint="add them to --conditions")
    return conditions


def mask_source(config: BenchConfig) -> str:
    """Where conditions that do not say so themselves take their masks from: --masks-from stands for --protect-masks folder.

    Raises:
        UsageProblem: the two options contradict each other.
    """
    if config.masks_from is None and config.protect_masks == "folder":
        raise UsageProblem("--protect-masks folder needs --masks-from DIR, which stands for it", hint="pass --masks-from DIR alone")
    if config.masks_from is not None and config.protect_masks not in ("gt", "folder"):
        raise UsageProblem(f"--masks-from and --protect-masks {config.protect_masks} exclude each other", hint="pass one of them")
    if config.masks_from is not None and config.source_size is not None:
        raise UsageProblem("--masks-from and --source-size exclude each other: masks keep their size", hint="pass one of them")
    return config.protect_masks if config.masks_from is None else "folder"


def resolve_schedule(entry: VictimEntry, data: LabelledData, config: BenchConfig) -> Schedule:
    """How a victim is trained: as the options say, else in its own way."""
    own = schedule_for(entry, data.task, config.init)
    return dataclasses.replace(
        own,
        image_size=config.image_size or own.image_size,
        epochs=config.epochs or own.epochs,
        # Few pictures: smaller batches, or an epoch would be a handful of steps.
        batch_size=config.batch_size or min(own.batch_size, max(2, len(data.train) // FEWEST_STEPS)),
        lr=config.lr or own.lr,
        augment=find_augment(config.augment),
        amp=config.amp,
    )


def training_size(data: LabelledData, longer_side: int) -> Size:
    """Height and width that victims are trained at, multiples of 32.

    Square, as salient-object and polyp benchmarks do; label-id data whose first pictures share one size keeps its aspect.
    """
    side = max(32, round(longer_side / 32) * 32)
    if data.task == "semantic":
        shapes = {read_image(sample.image).shape[:2] for sample in data.train[:8]}
        if len(shapes) == 1:
            height, width = shapes.pop()
            scale = longer_side / max(height, width)
            return max(32, round(height * scale / 32) * 32), max(32, round(width * scale / 32) * 32)
    return side, side


def results_document(setting: Setting, protect_masks: str, conditions: Iterable[str], results: list[Document], noise: Document) -> Document:
    """results.json: every row, and mean, standard deviation and relative drop over seeds."""
    data, rows = setting.data, [result["row"] for result in results]
    return {
        "schema": 1,
        "command": "bench",
        "task": data.task,
        "data": data.name,
        "smoke_test": data.smoke_test,
        "train_pictures": len(data.train),
        "test_pictures": len(data.test),
        "protect_masks": protect_masks,
        "rows": rows,
        "summary": summarise(rows),
        "noise": {condition: noise[condition] for condition in conditions if condition in noise},
    }

"""`unseg bench`: train victims on clean and on protected pictures, test both on clean ones, and report what the protection cost them.

One row is one training: a victim, a condition, a defence and a seed. A finished row is a file in RUN/rows, so that a run which was
interrupted goes on with `--resume` where it stopped.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from unseg_cli.bench.conditions import ConditionMaker, Pictures, Size, check_conditions, needs_generator, prepare, training_size
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.countermeasures import find_defence
from unseg_cli.bench.fit import Examples, Training, train_victim
from unseg_cli.bench.report.markdown import METRICS, read_json, results_document, run_document, shortfall, write_tables
from unseg_cli.bench.report.plots import draw_bars, draw_curves, draw_samples
from unseg_cli.bench.victims.registry import Schedule, VictimEntry, find_victim, schedule_for
from unseg_cli.core.device import pick_device, seed_everything
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.core.runs import write_atomically, write_json_atomically
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.datasets.sample import read_image
from unseg_cli.generators.files import GeneratorFile, load_generator
from unseg_cli.models.build import Generator

SAMPLES = 4
FEWEST_STEPS = 12  # in an epoch


@dataclass(frozen=True, kw_only=True)
class Row:
    """One training to do."""

    victim: VictimEntry
    schedule: Schedule
    size: Size
    condition: str
    defence: str
    seed: int

    @property
    def key(self) -> str:
        """Its name in RUN/rows."""
        return f"{self.victim.name}-{self.condition}-{self.defence}-seed{self.seed}"


def bench(config: BenchConfig, events: Events) -> Report:
    """Run the benchmark that `config` describes.

    Returns:
        A report whose document is results.json; exit code 1 where the drop is under `config.fail_under`.

    Raises:
        UsageProblem: an option that cannot be honoured, or RUN holds other results.
        EnvironmentProblem: a package, weights file or device is missing.
    """
    check_conditions(config)
    for name in config.defences:
        find_defence(name)
    device = pick_device(config.device)
    entries = [find_victim(name) for name in config.victims]
    data = open_labelled(config.data, limit=config.limit, task=config.task)
    data.foreground_labels(config.mask_rule)
    rows = plan(config, entries, data)
    if data.smoke_test:
        events.warn("synthetic pictures: a smoke test that shows the machinery runs; its numbers say nothing about real pictures")
    generator = load_generator(config.generator, device=device) if needs_generator(config, config.conditions) else None
    open_run(config, data, rows, generator)

    missing = [row for row in rows if not result_path(config.out, row).exists()]
    if missing:
        maker = ConditionMaker(config, data, generator)
        pictures = prepare(maker, data, {(row.condition, row.defence, row.size) for row in with_clean(missing, config)}, events)
        write_json_atomically(noise_path(config.out), {**read_json(noise_path(config.out)), **pictures.noise})
        for number, row in enumerate(missing, 1):
            events.detail(f"row {number} of {len(missing)}: {row.key}")
            run_row(row, pictures, data, config, device, events)
        draw_pictures(config, maker, data, rows)

    results = [read_json(result_path(config.out, row)) for row in rows]
    document = results_document(config, data, results, read_json(noise_path(config.out)))
    write_tables(config.out, document, results, data.classes, read_json(config.out / "run.json"))
    draw_curves(config.out, results)
    draw_bars(config.out, document)
    too_low = shortfall(document, config.fail_under)
    return Report(document=document, exit_code=1 if too_low else 0, closing=(*too_low, f"results are in {config.out}"))


def plan(config: BenchConfig, entries: list[VictimEntry], data: LabelledData) -> list[Row]:
    """All rows, those of one seed together, so that the first answers come early."""
    rows = []
    for entry, seed, defence, condition in itertools.product(entries, config.seeds, config.defences, config.conditions):
        own = schedule_for(entry, data, config.init)
        schedule = dataclasses.replace(
            own,
            image_size=config.image_size or own.image_size,
            epochs=config.epochs or own.epochs,
            # Few pictures: smaller batches, or an epoch would be a handful of steps.
            batch_size=config.batch_size or min(own.batch_size, max(2, len(data.train) // FEWEST_STEPS)),
            lr=config.lr or own.lr,
        )
        size = training_size(data, schedule.image_size)
        rows.append(Row(victim=entry, schedule=schedule, size=size, condition=condition, defence=defence, seed=seed))
    return rows


def with_clean(rows: list[Row], config: BenchConfig) -> list[Row]:
    """The rows, and the clean pictures that a ratio under 1 mixes in."""
    if config.ratio == 1:
        return rows
    return [*rows, *(dataclasses.replace(row, condition="clean") for row in rows)]


def run_row(row: Row, pictures: Pictures, data: LabelledData, config: BenchConfig, device: torch.device, events: Events) -> None:
    """Train and test one victim, and write its row."""
    images = pictures.train[row.condition, row.defence, row.size]
    if config.ratio < 1 and row.condition != "clean":
        images = mix(pictures.train["clean", row.defence, row.size], images, config.ratio, row.seed)
    train = Examples(images=images, labels=pictures.train_labels[row.size])
    test = Examples(images=pictures.test[row.defence, row.size], labels=pictures.test_labels[row.size])
    seed_everything(row.seed)  # the same start and the same order for every condition
    victim = row.victim.build(len(data.classes), config.init == "pretrained")
    events.start(row.schedule.epochs * max(1, len(images) // row.schedule.batch_size), row.key)
    trained = train_victim(
        victim, train, test, classes=len(data.classes), schedule=row.schedule, seed=row.seed, device=device, events=events,
        keep_predictions=SAMPLES,
    )  # fmt: skip
    events.stop()
    events.info(f"{row.key}: {trained.epochs[-1].test.metric:.1f} {METRICS[data.task]} after {trained.seconds:.0f} s")
    write_atomically(prediction_path(config.out, row), lambda part: torch.save(trained.predictions, part))
    write_json_atomically(result_path(config.out, row), row_document(row, config, data, trained))


def mix(clean: torch.Tensor, changed: torch.Tensor, ratio: float, seed: int) -> torch.Tensor:
    """(N, 3, H, W): a random `ratio` of the pictures from `changed`, the others from `clean`."""
    order = torch.randperm(len(clean), generator=torch.Generator().manual_seed(seed))
    mixed = clean.clone()
    chosen = order[: round(ratio * len(clean))]
    mixed[chosen] = changed[chosen]
    return mixed


def row_document(row: Row, config: BenchConfig, data: LabelledData, trained: Training) -> dict[str, Any]:
    """A row of results.json, with its curve and its classes beside it."""
    last = trained.epochs[-1]
    best = max(trained.epochs, key=lambda epoch: epoch.test.metric)
    return {
        "row": {
            "victim": row.victim.name,
            "condition": row.condition,
            "defence": row.defence,
            "init": config.init,
            "ratio": config.ratio,
            "seed": row.seed,
            "metric": METRICS[data.task],
            "final": last.test.metric,
            "best": best.test.metric,
            "best_epoch": best.epoch,
            "train_metric": trained.train_metric,
            "seconds": round(trained.seconds, 2),
            "final_per_picture": last.test.per_picture,
            "final_dice": last.test.dice,
            "epochs": row.schedule.epochs,
            "height": row.size[0],
            "width": row.size[1],
        },
        "per_class": last.test.per_class,
        "curve": [
            {"epoch": epoch.epoch, "loss": epoch.loss, "metric": epoch.test.metric, "per_picture": epoch.test.per_picture}
            for epoch in trained.epochs
        ],
    }


def open_run(config: BenchConfig, data: LabelledData, rows: list[Row], generator: Generator | None) -> None:
    """Make the run folder, or check that it may be gone on with.

    Raises:
        UsageProblem: it holds results and --resume was not given, or they were made with other settings.
    """
    schedules = {row.victim.name: row.schedule for row in rows}
    source = None if generator is None else cast(GeneratorFile, generator.source)
    path, document = config.out / "run.json", run_document(config, data, schedules, source)
    if path.exists() and any(config.out.glob("rows/*-seed*.json")):
        if not config.resume:
            raise UsageProblem(f"--out {config.out} holds results already", hint="add --resume to go on with them, or give another --out")
        before = read_json(path)
        changed = [name for name, value in document["fixed"].items() if before["fixed"].get(name) != value]
        if before["generator"] and document["generator"] and before["generator"]["sha256"] != document["generator"]["sha256"]:
            changed.append("generator")
        if changed:
            raise UsageProblem(f"--resume: {config.out} was made with another {changed[0]}", hint="use the same options, or another --out")
        document["generator"] = document["generator"] or before["generator"]
        document["schedules"] = {**before["schedules"], **document["schedules"]}
    write_json_atomically(path, document)


def draw_pictures(config: BenchConfig, maker: ConditionMaker, data: LabelledData, rows: list[Row]) -> None:
    """samples.png of the first victim, seed and defence: test pictures, the same protected, and what two trained victims make of them."""
    first, samples = rows[0], list(data.test[:SAMPLES])
    same = {row.condition: row for row in rows if (row.victim, row.seed, row.defence) == (first.victim, first.seed, first.defence)}
    rival = next((name for name in ("protected", "texture", "random") if name in same), None)
    # Of pictures that were protected elsewhere only the training ones are there.
    made = maker.batch(samples, [rival] if rival and not (rival == "protected" and config.protected) else [], 0)
    columns = [("picture", [read_image(sample.image) for sample in samples]), *made.items()]
    for name in ("clean", rival):
        if name in same and (path := prediction_path(config.out, same[name])).exists():
            columns.append((f"trained on {name}", list(torch.load(path, weights_only=True).numpy())))
    draw_samples(config.out, [*columns, ("truth", [data.read_labels(sample) for sample in samples])])


def result_path(out: Path, row: Row) -> Path:
    """The file of a finished row."""
    return out / "rows" / f"{row.key}.json"


def prediction_path(out: Path, row: Row) -> Path:
    """Label maps that its victim gave, for samples.png."""
    return out / "rows" / f"{row.key}.pt"


def noise_path(out: Path) -> Path:
    """How strong each condition's noise is."""
    return out / "rows" / "noise.json"

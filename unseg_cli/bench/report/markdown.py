"""What a bench run leaves in its folder: results.json, CSV tables, run.json and summary.md."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import shlex
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.metrics.confusion import relative_drop
from unseg_cli.bench.victims.registry import Schedule
from unseg_cli.core.runs import environment_versions, write_atomically, write_json_atomically
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.generators.files import GeneratorFile

METRICS = {"binary": "iou", "semantic": "miou"}
METRIC_NAMES = {
    "iou": "IoU of the foreground, accumulated over the test pictures",
    "miou": "mean IoU of the classes, accumulated over the test pictures",
}
#: Columns that tell rows of one table apart; the clean row that a drop refers to shares all but the condition.
GROUP = ("victim", "condition", "defence", "init", "ratio", "metric")
SUMMARY_HEADER = (
    *("victim", "condition", "defence", "init", "protected share", "final", "drop %"),
    *("best epoch", "its drop %", "mean over pictures", "its drop %"),
)
AUGMENTATION = "left-right flips of half of the pictures, random crops of 70 to 100 % of each side"

Document = dict[str, Any]


def results_document(config: BenchConfig, data: LabelledData, results: list[Document], noise: Document) -> Document:
    """results.json: every row, and mean, standard deviation and relative drop over seeds."""
    rows = [result["row"] for result in results]
    return {
        "schema": 1,
        "command": "bench",
        "task": data.task,
        "data": data.name,
        "smoke_test": data.smoke_test,
        "train_pictures": len(data.train),
        "test_pictures": len(data.test),
        "protect_masks": config.protect_masks,
        "rows": rows,
        "summary": summarise(rows),
        "noise": {condition: noise[condition] for condition in config.conditions if condition in noise},
    }


def summarise(rows: list[Document]) -> list[Document]:
    """One entry for each group of rows that differ in their seed alone.

    Returns:
        The keys of `GROUP`, then mean and std (sample standard deviation, 0 for one seed) of the final metric, n, relative_drop in percent
        (of the means; None without a clean group under the same defence), and the same for the best epoch and for the mean over pictures.
    """
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in GROUP), []).append(row)

    def average(members: list[Document], column: str) -> float:
        return mean(row[column] for row in members)

    summary = []
    for key, members in groups.items():
        entry: Document = dict(zip(GROUP, key, strict=True))
        clean = groups.get(tuple("clean" if name == "condition" else value for name, value in entry.items()))
        finals = [row["final"] for row in members]
        entry |= {"mean": mean(finals), "std": stdev(finals) if len(finals) > 1 else 0.0, "n": len(finals)}
        for column, suffix in (("final", ""), ("best", "best_"), ("final_per_picture", "per_picture_")):
            if suffix:
                entry[f"{suffix}mean"] = average(members, column)
            entry[f"{suffix}relative_drop"] = None if clean is None else relative_drop(average(clean, column), average(members, column))
        summary.append(entry)
    return summary


def shortfall(document: Document, fail_under: float | None) -> tuple[str, ...]:
    """A line for every victim whose protected pictures lower the metric by less than `fail_under` percent.

    Judged without a defence where that was run, else under every defence that was.
    """
    if fail_under is None:
        return ()
    protected = [entry for entry in document["summary"] if entry["condition"] == "protected"]
    judged = [entry for entry in protected if entry["defence"] == "none"] or protected
    return tuple(
        f"{entry['victim']} ({entry['defence']}): relative drop {number(entry['relative_drop'])} % is under {fail_under:g} %"
        for entry in judged
        if entry["relative_drop"] is None or entry["relative_drop"] < fail_under
    )


def run_document(config: BenchConfig, data: LabelledData, schedules: dict[str, Schedule], generator: GeneratorFile | None) -> Document:
    """run.json: the resolved settings, and all that a result depends on. `fixed` is what may not change on --resume."""
    settings = json.loads(json.dumps(dataclasses.asdict(config), default=str))
    growing = ("victims", "conditions", "defences", "seeds", "out", "resume", "fail_under", "device", "workers", "generator")
    return {
        "schema": 1,
        "command": command_line(config),
        "fixed": {name: value for name, value in settings.items() if name not in growing},
        "settings": settings,
        "data": {
            "name": data.name,
            "task": data.task,
            "classes": list(data.classes),
            "foreground_classes": [data.classes[label] for label in data.foreground_labels(config.mask_rule)],
            "train_pictures": len(data.train),
            "test_pictures": len(data.test),
        },
        "generator": None if generator is None else {"name": generator.name, "sha256": generator.sha256},
        "schedules": {name: dataclasses.asdict(schedule) for name, schedule in schedules.items()},
        "augmentation": AUGMENTATION,
        "versions": environment_versions(),
    }


def command_line(config: BenchConfig) -> str:
    """The command that says the same as `config`; options at their default are left out."""
    default, words = BenchConfig(), ["unseg", "bench"]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if (value == getattr(default, field.name) and field.name not in ("victims", "data")) or field.name in ("resume", "workers"):
            continue
        if field.name == "budget":
            words += ["--epsilon", _fraction(value.foreground), "--epsilon-bg", _fraction(value.background)]
            continue
        option = "--victim" if field.name == "victims" else "--" + field.name.replace("_", "-")
        words += [option, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return shlex.join(words)


def write_tables(out: Path, document: Document, results: list[Document], classes: Iterable[str], run: Document) -> None:
    """Write results.json, the three CSV tables and summary.md."""
    write_json_atomically(out / "results.json", document)
    _write_csv(out / "results.csv", document["rows"])
    names = ("victim", "condition", "defence", "init", "ratio", "seed")
    labels = [{name: result["row"][name] for name in names} for result in results]
    per_class = [
        {**label, "class": name, "iou": iou}
        for label, result in zip(labels, results, strict=True)
        for name, iou in zip(classes, result["per_class"], strict=True)
    ]
    _write_csv(out / "per_class.csv", per_class)
    _write_csv(out / "curves.csv", [{**label, **point} for label, result in zip(labels, results, strict=True) for point in result["curve"]])
    text = f"# {document['data']}: what protection costs those who train on it\n\n{section(document, run)}"

    def write(part: Path) -> None:
        part.write_text(text, encoding="utf-8")

    write_atomically(out / "summary.md", write)


def section(document: Document, run: Document) -> str:
    """A run as Markdown: its command, its tables and what they depend on. Needs results.json and run.json alone."""
    lines = ["**Synthetic pictures: a smoke test, no evidence.**", ""] if document["smoke_test"] else []
    lines += [
        f"    {run['command']}",
        "",
        _setting(document, run),
        "",
        *markdown_table(SUMMARY_HEADER, map(_summary_row, document["summary"])),
    ]
    if document["noise"]:
        lines += ["", "Visibility of the noise on the training pictures at their original size:", ""]
        noise = ((name, number(n["linf_255"], 0), number(n["psnr"]), number(n["ssim"], 3)) for name, n in document["noise"].items())
        lines += markdown_table(("condition", "largest change /255", "PSNR dB", "SSIM"), noise)
    lines += ["", _fine_print(document, run), ""]
    return "\n".join(lines)


def read_json(path: Path) -> Document:
    """A JSON file's content; {} where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _summary_row(entry: Document) -> tuple[str, ...]:
    return (
        *(str(entry[name]) for name in ("victim", "condition", "defence", "init")),
        f"{entry['ratio']:g}",
        f"{entry['mean']:.1f} ± {entry['std']:.1f}",
        number(entry["relative_drop"]),
        number(entry["best_mean"]),
        number(entry["best_relative_drop"]),
        number(entry["per_picture_mean"]),
        number(entry["per_picture_relative_drop"]),
    )


def _setting(document: Document, run: Document) -> str:
    data, seeds = run["data"], sorted({row["seed"] for row in document["rows"]})
    return (
        f"{data['train_pictures']} training and {data['test_pictures']} test pictures, {data['task']}. "
        f"The metric is the {METRIC_NAMES[METRICS[data['task']]]}, in percent; test pictures are clean. "
        f"Seeds {', '.join(map(str, seeds))}; mean ± standard deviation. Protected with {_masks(document, run)}."
    )


def _masks(document: Document, run: Document) -> str:
    if run["settings"].get("protected"):
        return f"what `unseg protect` had made of them, in {run['settings']['protected']}"
    budget = run["settings"]["budget"]
    whose = {
        "gt": "the true masks",
        "auto": "the masks that the generator finds itself",
        "whole": "the whole picture as the object",
        "uniform": "one pattern all over the picture",
    }
    what = f"{whose[document['protect_masks']]}, {_fraction(budget['foreground'])} inside and {_fraction(budget['background'])} outside"
    if document["task"] == "semantic" and document["protect_masks"] == "gt":
        what += f" (objects: {', '.join(run['data']['foreground_classes'])})"
    return what


def _fine_print(document: Document, run: Document) -> str:
    sizes = {row["victim"]: f"{row['width']}x{row['height']} px" for row in document["rows"]}
    trained = [
        f"{name}: {sizes[name]}, {s['epochs']} epochs, batch {s['batch_size']}, AdamW {s['lr']:g} one-cycle"
        for name, s in run["schedules"].items()
        if name in sizes
    ]
    versions = [f"{name} {run['versions'][name]}" for name in ("unseg_cli", "torch", "python") if name in run["versions"]]
    generator = run["generator"]
    made = [f"generator {generator['name']} {generator['sha256'][:12]}"] if generator else []
    minutes = sum(row["seconds"] for row in document["rows"]) / 60
    return f"{'; '.join(trained)}; {run['augmentation']}. {', '.join(made + versions)}. Training took {minutes:.1f} minutes in all."


def markdown_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Its lines."""
    return [f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows)]


def number(value: float | None, digits: int = 1) -> str:
    """For a cell of a table; a dash where there is none, and no minus before a zero."""
    return "-" if value is None or not math.isfinite(value) else f"{round(value, digits) + 0.0:.{digits}f}"


def _fraction(epsilon: float) -> str:
    levels = epsilon * 255
    return f"{round(levels)}/255" if abs(levels - round(levels)) < 1e-9 else str(float(Fraction(epsilon).limit_denominator(10**6)))


def _write_csv(path: Path, rows: list[Mapping[str, Any]] | list[Document]) -> None:
    def write(part: Path) -> None:
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)

    write_atomically(path, write)

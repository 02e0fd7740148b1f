"""The tables of results that are made of lines: detections, schedules of the victims, and noises that were tried.

Each is a JSONL file in docs/results/, to which scripts/measure_detections.py, scripts/tune_victims.py and scripts/explore_noise.py append.
A line that no script wrote says so: `"origin": "by hand"`.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

from unseg_cli.bench.conditions import CLEAN, RANDOM
from unseg_cli.bench.detections import GOOD, RIGHT
from unseg_cli.bench.report.efficacy import defence_in_words
from unseg_cli.bench.report.kept import UNSAID, first_generator
from unseg_cli.bench.report.text import markdown_table, number
from unseg_cli.bench.results import relative_drop
from unseg_cli.bench.victims.registry import find_victim
from unseg_cli.core.runs import read_jsonl

Document = dict[str, Any]

SETTING = ("data", "victim", "init", "defence", "size", "source_size", "augment", "epochs")
#: What makes up a noise, with the values that go without saying.
NOISE = {
    "layers": None,
    "levels": 8,
    "background": "flip",
    "background_levels": 2,
    "floor": 1.0,  # of lines of the time when smooth places could get less
    "max_difference": None,
    "min_cell": 8,
    "masks": "gt",
    "per_class": False,
    "fill": False,
}
EXPERIMENTS_HEADER = (
    *("data", "victim", "defence", "epochs", "seeds", "noise", "final", "best", "drop %", "PSNR dB", "SSIM", "numbers", "verdict"),
)
BY_HAND = "by hand"
EXPERIMENTS = f"""Closed-form noises, tried with `scripts/explore_noise.py` before one became the start of the noise head.
A noise is COLOUR:TILE@CELLS: a random tile of TILE x TILE cells or a named one (check: a checkerboard), CELLS of them along the longer
side (magenta: against green; gray: all channels alike; yellow: against blue; rgb: every channel its own), one sign on the object and the
other outside ("background zero": nothing outside). "floor" is the share of the budget that the smoothest places get.
{NOISE["levels"]}/255 on the object and {NOISE["background_levels"]}/255 outside, where nothing else is said; the drop is against a clean
run of the same setting. One seed is a direction, not a result. *numbers*: measured and written by the script, or measured with code that is
not kept, or taken from a run, and written down by hand; the verdicts are always in somebody's own words."""
SCHEDULE = ("data", "init", "victim", "size", "augment", "epochs", "lr")
SCHEDULES_HEADER = ("data", "victim", "epochs", "peak learning rate", "seeds", "clean, final", "clean, best epoch", "verdict")
SCHEDULES = """An attacker tunes a victim on what they have. The victims here were tuned on clean pictures alone with
`scripts/tune_victims.py`; protection is measured with the schedule marked *used*, which stands in `unseg_cli/bench/victims/registry.py`,
and the first generator was with the one *used at first*.
More epochs would gain more on clean pictures; few of them let anyone repeat a row in minutes. CamVid and CVC-ClinicDB were tuned after
their rows were measured; what another learning rate does to the drop, the run camvid-deeplabv3plus-lr shows."""
DETECTIONS_HEADER = ("training pictures of", "pictures", "generator", "mean IoU", "detected, %")
SURENESS_HEADER = ("training pictures of", "generator", "unsure under", "unsure, %", "of the others wrong, %", "poor, %")
SURENESS = f"""How sure a detection is, is the overlap of two finders that were trained apart, or the first one's certainty where that is so
high that the second one is not asked. Wrong: an IoU with the truth under {RIGHT};
poor: under {GOOD}."""
DETECTIONS = f"""The overlap of the generator's own masks with the true ones (`scripts/measure_detections.py`); detected: an IoU
over {RIGHT}. Without masks, protection is only as good as these."""


def experiments(docs: Path) -> str:
    """What was tried: by the target that it was tried for, then the rest. One table each."""
    lines = read_lines(docs, "experiments")
    aims = sorted({line["for"] for line in lines if "for" in line})
    parts = [f"### Tried for {aim}\n\n" + tried([line for line in lines if line.get("for") == aim], lines) for aim in aims]
    rest = [line for line in lines if "for" not in line]
    parts += ["### Tried besides\n\n" + tried(rest, lines)] if aims and rest else [tried(rest, lines)] if rest else []
    return "\n\n".join(["## Noises that were tried", EXPERIMENTS, *parts]) if lines else ""


def tried(lines: list[Document], known: list[Document]) -> str:
    """One row for each noise, with the drop against the clean run of the same setting where `known` has one."""
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for line in lines:
        groups.setdefault(tuple(line.get(name) for name in (*SETTING, *NOISE)), []).append(line)
    rows: list[tuple[str, ...]] = []
    for key, members in groups.items():
        setting = dict(zip((*SETTING, *NOISE), key, strict=True))
        same = [line for line in known if line["layers"] == CLEAN and all(line.get(name) == setting[name] for name in SETTING)]
        # None: masks that were plainly worse, so that no victim was trained
        final, best = (None if members[0][name] is None else mean(line[name] for line in members) for name in ("final", "best"))
        compare = bool(same) and setting["layers"] != CLEAN
        drop = relative_drop(mean(line["final"] for line in same), final) if compare and final is not None else None
        row = (
            setting["data"],
            f"{setting['victim']}, {setting['init']}, {setting['size']} px, {setting['augment']}",
            defence_in_words(setting["defence"]) + (f", files of {setting['source_size']} px" if setting["source_size"] else ""),
            str(setting["epochs"]),
            ",".join(str(line["seed"]) for line in members),
            noise_in_words(setting),
            number(final),
            number(best),
            number(drop, 0),
            number(members[0].get("psnr")),
            number(members[0].get("ssim"), 3),
            ", ".join(dict.fromkeys(origin(line) for line in members)),
            members[0].get("note") or "-",
        )
        rows.append(row)
    return "\n".join(markdown_table(EXPERIMENTS_HEADER, rows))


def read_lines(docs: Path, name: str) -> list[Document]:
    """The lines of docs/results/NAME.jsonl that are made of trainings; earlier ones that do not say a setting get what it was then."""
    then = {"augment": UNSAID} | {name: NOISE[name] for name in ("floor", "min_cell")}
    return [then | line for line in read_jsonl(docs / "results" / f"{name}.jsonl")]


def origin(line: Document) -> str:
    """Who wrote the numbers of a line."""
    return str(line.get("origin", "script"))


def schedules(docs: Path) -> str:
    """One line for each schedule that was tried on clean pictures."""
    groups: dict[tuple[Any, ...], list[Document]] = {}
    first = first_generator(docs)
    for line in read_lines(docs, "schedules"):
        groups.setdefault(tuple(line[name] for name in SCHEDULE), []).append(line)
    rows: list[tuple[str, ...]] = []
    for key, members in sorted(groups.items()):
        data, init, victim, size, augment, epochs, lr = key
        own = find_victim(victim).schedules_from(init)
        used = any((one.image_size, one.augment, one.epochs, one.lr) == (size, augment, epochs, lr) for one in own.values())
        then = [] if first is None or augment != UNSAID else [first.schedule(task, init) for task in own]
        at_first = any((one.get("image_size"), one.get("epochs"), one.get("lr")) == (size, epochs, lr) for one in then)
        final, best = (number(mean(line[name] for line in members)) for name in ("final", "best"))
        seeds = ",".join(str(line["seed"]) for line in members)
        rows.append(
            (
                data,
                f"{victim}, {init}, {size} px, {augment}",
                str(epochs),
                f"{lr:g}",
                seeds,
                final,
                best,
                "used" if used else "used at first" if at_first else "-",
            )
        )
    return "\n".join(["## How the victims are trained", "", SCHEDULES, "", *markdown_table(SCHEDULES_HEADER, rows)]) if rows else ""


def detections(docs: Path) -> str:
    """How well the objects are detected without masks, one line for each generator and data set, and how well unsure ones are told."""
    lines = read_jsonl(docs / "results" / "detections.jsonl")
    if not lines:
        return ""
    rows = [
        (_pictures_of(line), str(line["pictures"]), _detected_by(line), number(line["iou"], 2), number(100 * line["found"], 0))
        for line in lines
    ]
    sure = [
        (_pictures_of(line), _detected_by(line), f"{row['threshold']:g}", *(_percent(row[name]) for name in ("unsure", "wrong", "poor")))
        for line in lines
        for row in line.get("sureness") or ()
    ]
    parts = ["## Objects detected without masks", "", DETECTIONS, "", *markdown_table(DETECTIONS_HEADER, rows)]
    return "\n".join([*parts, *(["", SURENESS, "", *markdown_table(SURENESS_HEADER, sure)] if sure else [])])


def _pictures_of(line: Document) -> str:
    return str(line["data"]) + (f" but its first {line['skipped']}" if line["skipped"] else "")


def _detected_by(line: Document) -> str:
    finder = line.get("finder", "lite")  # the generator alone, as in lines of the time when nothing else looked for objects
    words = [line["generator"], line["note"], "" if finder == "lite" else f"found by {finder}"]
    return ", ".join(word for word in words if word)


def _percent(share: float | None) -> str:
    return number(None if share is None else 100 * share, 1)


def noise_in_words(setting: Document) -> str:
    """Layers, and every other option that is not at its default."""
    words = [setting["layers"]]
    for name, default in list(NOISE.items())[1:]:
        value, label = setting[name], name.replace("_", " ")
        if value not in (None, default) and setting["layers"] not in (CLEAN, RANDOM):
            words.append(label if value is True else f"{label} {value}")
    return ", ".join(words)

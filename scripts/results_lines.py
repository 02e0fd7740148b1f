"""The tables of docs/results.md that are made of lines: found objects, schedules of the victims, and noises that were tried.

Each is a JSONL file in docs/results/, to which scripts/found_objects.py, scripts/tune_victims.py and scripts/explore_noise.py append.
A part of scripts/make_results.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import Any

from unseg_cli.bench.metrics.confusion import relative_drop
from unseg_cli.bench.report.markdown import Document, markdown_table, number
from unseg_cli.bench.victims.registry import VICTIMS

SETTING = ("data", "victim", "init", "defence", "size", "epochs")
#: What makes up a noise, with the values that go without saying.
NOISE = {
    "layers": None,
    "levels": 8,
    "background": "flip",
    "background_levels": 2,
    "floor": 1.0,
    "masks": "gt",
    "per_class": False,
    "fill": False,
}
EXPERIMENTS_HEADER = ("data", "victim", "washed by", "epochs", "seeds", "noise", "final", "best", "drop %", "PSNR dB", "SSIM", "verdict")
EXPERIMENTS = """Closed-form noises, tried with `scripts/explore_noise.py` before one became the start of the noise head.
A noise is COLOUR:TILE@CELLS: a random tile of TILE x TILE cells or a named one (check: a checkerboard), CELLS of them along the longer
side (magenta: against green; gray: all channels alike; yellow: against blue; rgb: every channel its own), one sign on the object and the
other beside it ("background zero": nothing beside it). "floor" is the share of the budget that the smoothest places get. 8/255 on the
object, 2/255 beside it; the drop is against a clean run of the same setting. One seed is a direction, not a result."""
SCHEDULE = ("data", "init", "victim", "size", "epochs", "lr")
SCHEDULES_HEADER = ("data", "victim", "epochs", "peak learning rate", "seeds", "clean, final", "clean, best epoch", "verdict")
SCHEDULES = """An attacker tunes a victim on what they have. The victims here were tuned on clean pictures alone with
`scripts/tune_victims.py`; protection was measured with the schedule marked *used*, which stands in `unseg_cli/bench/victims/registry.py`.
More epochs gain a few points more on clean pictures; few of them let anyone repeat a row in minutes. CamVid was tuned after its rows were
measured: twice the learning rate gains two points on clean pictures, and lowers none of the drop (the run camvid-deeplabv3plus-lr). On
CVC-ClinicDB twice the rate gains three points."""
FOUND_HEADER = ("training pictures of", "pictures", "generator", "mean IoU", "found, %")
FOUND = """The overlap of the generator's own masks with the true ones (`scripts/found_objects.py`); found: an IoU over 0.5. Without masks,
protection is worth what these are."""


def experiments(docs: Path) -> str:
    """What was tried: by the target that it was tried for, then the rest. One table each."""
    lines = json_lines(docs / "results" / "experiments.jsonl")
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
        same = [line for line in known if line["layers"] == "clean" and all(line.get(name) == setting[name] for name in SETTING)]
        # None: masks that were plainly worse, so that no victim was trained
        final, best = (None if members[0][name] is None else mean(line[name] for line in members) for name in ("final", "best"))
        compare = bool(same) and setting["layers"] != "clean"
        drop = relative_drop(mean(line["final"] for line in same), final) if compare and final is not None else None
        row = (
            setting["data"],
            f"{setting['victim']}, {setting['init']}, {setting['size']} px",
            washed_by(setting["defence"]),
            str(setting["epochs"]),
            ",".join(str(line["seed"]) for line in members),
            noise_in_words(setting),
            number(final),
            number(best),
            number(drop, 0),
            number(members[0].get("psnr")),
            number(members[0].get("ssim"), 3),
            members[0].get("note") or "-",
        )
        rows.append(row)
    return "\n".join(markdown_table(EXPERIMENTS_HEADER, rows))


def schedules(docs: Path) -> str:
    """One line for each schedule that was tried on clean pictures."""
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for line in json_lines(docs / "results" / "schedules.jsonl"):
        groups.setdefault(tuple(line[name] for name in SCHEDULE), []).append(line)
    rows: list[tuple[str, ...]] = []
    for key, members in sorted(groups.items()):
        data, init, victim, size, epochs, lr = key
        used = any((own.image_size, own.epochs, own.lr) == (size, epochs, lr) for own in VICTIMS[victim].schedules_from(init).values())
        final, best = (number(mean(line[name] for line in members)) for name in ("final", "best"))
        seeds = ",".join(str(line["seed"]) for line in members)
        rows.append((data, f"{victim}, {init}, {size} px", str(epochs), f"{lr:g}", seeds, final, best, "used" if used else "-"))
    return "\n".join(["## How the victims are trained", "", SCHEDULES, "", *markdown_table(SCHEDULES_HEADER, rows)]) if rows else ""


def found_objects(docs: Path) -> str:
    """How well the objects were found without masks, one line for each generator and data set."""
    rows = [
        (
            line["data"] + (f" but its first {line['skipped']}" if line["skipped"] else ""),
            str(line["pictures"]),
            f"{line['generator']}{', ' if line['note'] else ''}{line['note']}",
            number(line["iou"], 2),
            number(100 * line["found"], 0),
        )
        for line in json_lines(docs / "results" / "found_objects.jsonl")
    ]
    return "\n".join(["## Objects found without masks", "", FOUND, "", *markdown_table(FOUND_HEADER, rows)]) if rows else ""


def washed_by(defence: str) -> str:
    """A defence for a cell of a table; a dash where there is none."""
    return "-" if defence == "none" else defence


def json_lines(path: Path) -> list[Document]:
    """The lines of a file that may not be there yet."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def noise_in_words(setting: Document) -> str:
    """Layers, and every other option that is not at its default."""
    words = [setting["layers"]]
    for name, default in list(NOISE.items())[1:]:
        value, label = setting[name], name.replace("_", " ")
        if value not in (None, default) and setting["layers"] not in ("clean", "random"):
            words.append(label if value is True else f"{label} {value}")
    return ", ".join(words)

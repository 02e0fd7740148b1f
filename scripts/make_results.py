#!/usr/bin/env python3
"""Make docs/results.md, and the table of README.md, from the bench runs and experiments in docs/results/.

    python scripts/make_results.py              make page and table again
    python scripts/make_results.py runs/NAME    first copy what is kept of a run (tables, settings and plots) to docs/results/NAME
    python scripts/make_results.py --check      exit 1 if page or table is not what the runs say

A run whose pictures were protected before it (--protected) needs docs/results/NAME/beforehand.json, written by hand: the commands that made
them, the masks in words, and the hash of the shipped weights that they started from.

docs/results/examples-photos/unseg-manifest.jsonl is what `make demo` left in out/: it says how visible the noise is.

The page is docs/results_intro.md, written by hand, a section for each run, made from its results.json and run.json alone, and tables
of lines: the objects that scripts/found_objects.py compared, the schedules that scripts/tune_victims.py tried, and the noises that
scripts/explore_noise.py tried.
The table of README.md stands between two comments that name this script.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import sys
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from unseg_cli.bench_pooling import pool
from unseg_cli.bench_report import Document, markdown_table, number, section
from unseg_cli.metrics import relative_drop
from unseg_cli.victims.registry import VICTIMS

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEFOREHAND = "beforehand.json"
KEPT = ("results.json", "results.csv", "curves.csv", "summary.md", "run.json", "bars.png", "curves.png")
MASKS = {
    "gt": "true masks",
    "auto": "no masks: found objects",
    "whole": "no masks: whole picture",
    "uniform": "no masks: one pattern all over",
    "per-class": "true classes, a noise each",
}
BEGIN, END = "<!-- table by scripts/make_results.py -->", "<!-- end of table -->"
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
#: Conditions that are no protection of ours.
RIVALS = ("random", "texture")
EFFICACY_HEADER = ("data", "victim", "protected with", "washed by", "clean", "protected", "drop", "at its best epoch", "control", "seeds")
EXPERIMENTS_HEADER = ("data", "victim", "washed by", "epochs", "seeds", "noise", "final", "best", "drop %", "PSNR dB", "SSIM", "verdict")
EXPERIMENTS = """Closed-form noises, tried with `scripts/explore_noise.py` before one became the start of the noise head.
A noise is COLOUR:TILE@CELLS: a random tile of TILE x TILE cells or a named one (check: a checkerboard), CELLS of them along the longer
side (magenta: against green; gray: all channels alike; yellow: against blue; rgb: every channel its own), one sign on the object and the
other beside it ("background zero": nothing beside it). "floor" is the share of the budget that the smoothest places get. 8/255 on the
object, 2/255 beside it; the drop is against a clean run of the same setting. One seed is a direction, not a result."""
SCHEDULE = ("data", "init", "victim", "size", "epochs", "lr")
SCHEDULES_HEADER = ("data", "victim", "epochs", "peak learning rate", "seeds", "clean, final", "clean, best epoch", "verdict")
SCHEDULES = """An attacker tunes a victim on what they have. The victims here were tuned on clean pictures alone with
`scripts/tune_victims.py`; protection was measured with the schedule marked *used*, which stands in `unseg_cli/victims/registry.py`.
More epochs gain a few points more on clean pictures; few of them let anyone repeat a row in minutes. CamVid was tuned after its rows were
measured: twice the learning rate gains two points on clean pictures, and lowers none of the drop (the run camvid-deeplabv3plus-lr). On
CVC-ClinicDB twice the rate gains three points."""
TARGETS_HEADER = ("target", "protected with", "data", "victim", "washed by", "aim", "drop", "texture", "seeds", "verdict")
TARGETS = """What the shipped generator is meant to cost a victim, in percent of its clean score, and what it does cost: the mean over
the seeds, at the sizes and schedules below. Runs of one setting with different seeds are taken together, each score beside the clean one of
its own run and seed. *texture* is what the closed-form rival costs with the same masks, where it was measured: our noise has to cost at
least as much. The list is `docs/results/targets.json`. Where a target is missed, what was tried for it stands at the end of this page."""
LEAST_PSNR, LEAST_SSIM = 34, 0.93
VISIBILITY = """F, visibility: `unseg protect examples/photos out` leaves [{count} pictures]({path}) with a PSNR of at least {psnr} dB
(aim: {least_psnr}) and an SSIM of at least {ssim} (aim: {least_ssim}): {verdict}. Both are blind to some of what the eye sees at once;
README says where that is."""
FOUND_HEADER = ("training pictures of", "pictures", "generator", "mean IoU", "found, %")
FOUND = """The overlap of the generator's own masks with the true ones (`scripts/found_objects.py`); found: an IoU over 0.5. Without masks,
protection is worth what these are."""
EARLIER = "**Made with an earlier generator than the one that ships now**, and not in the table of README.md."
LARGEST = 250_000  # bytes of one kept file: the curves of seven defences over two seeds take 165 kB


class Setting(NamedTuple):
    """What rows must share to be compared, beside victim, start and defence.

    Attributes:
        data: the data set's name.
        limit: at most so many pictures of it; None: all.
        size: the longer side of the training pictures, in pixels.
        epochs: how long victims were trained.
        lr: the peak learning rate where it is not the victim's own, else 0.
        own: whether size, schedule and number of pictures are those that the victims have without options.
    """

    data: str
    limit: int | None
    size: int
    epochs: int
    lr: float
    own: bool


def keep(run: Path, docs: Path) -> Path:
    """Copy what is kept of a run; gives the new folder."""
    missing = [name for name in KEPT if not (run / name).is_file()]
    if missing:
        sys.exit(f"{run} is not a finished bench run: {missing[0]} is missing")
    large = [name for name in KEPT if (run / name).stat().st_size > LARGEST]
    if large:
        sys.exit(f"{run / large[0]} is larger than {LARGEST} bytes")
    kept = docs / "results" / run.resolve().name
    kept.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copyfile(run / name, kept / name)
    return kept


def runs_kept(docs: Path) -> list[tuple[Path, Document, Document]]:
    """Folder, results.json and run.json of every run."""
    return [
        (results.parent, *(json.loads((results.parent / name).read_text(encoding="utf-8")) for name in ("results.json", "run.json")))
        for results in sorted((docs / "results").glob("*/results.json"))
    ]


def of_earlier_weights(folder: Path, run: Document, docs: Path) -> bool:
    """Whether the run was made with another generator than the one that ships now; random noise and the rival need none."""
    sums = docs.parent / "weights" / "SHA256SUMS"
    used = beforehand(folder).get("weights") or (run["generator"] or {}).get("sha256")
    return used is not None and sums.is_file() and used != sums.read_text(encoding="utf-8").split()[0]


def beforehand(folder: Path) -> Document:
    """What was done before a run of pictures protected earlier: commands, masks, weights; {} for other runs."""
    path = folder / BEFOREHAND
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def masks_of(condition: str, folder: Path, document: Document) -> str:
    """Where a condition had its masks from: gt, auto, whole, uniform or per-class, or in words."""
    if condition != "protected":
        return condition.removeprefix("protected-")
    return beforehand(folder).get("masks") or document["protect_masks"]


def measured(docs: Path) -> dict[Setting, list[Document]]:
    """What the shipped weights cost: the pooled entries of each setting, with where the masks came from as their condition."""
    runs: dict[Setting, dict[Path, list[Document]]] = {}
    for folder, document, run in runs_kept(docs):
        if of_earlier_weights(folder, run, docs):
            continue
        limit = run["settings"]["limit"]
        for row in document["rows"]:
            condition = row["condition"]
            if condition.startswith("protected"):
                condition = masks_of(condition, folder, document)
            used, own = run["schedules"][row["victim"]], VICTIMS[row["victim"]].schedules_from(row["init"])[document["task"]]
            as_own = limit is None and all(used[name] == getattr(own, name) for name in ("image_size", "epochs", "lr"))
            lr = 0.0 if used["lr"] == own.lr else used["lr"]
            setting = Setting(Path(document["data"]).name, limit, max(row["height"], row["width"]), row["epochs"], lr, as_own)
            runs.setdefault(setting, {}).setdefault(folder, []).append(row | {"condition": condition})
    return {setting: pool(by_folder.values()) for setting, by_folder in runs.items()}


def efficacy(docs: Path) -> str:
    """What protection cost the victims, one line for each setting: the table of README.md. Only runs with the shipped weights count."""
    order, rows = [*MASKS], []
    for setting, entries in measured(docs).items():
        controls = {_victim(entry): entry for entry in entries if entry["condition"] == "random"}
        for entry in entries:
            masks, victim = entry["condition"], entry["victim"]
            if masks in RIVALS:
                continue
            control = controls.get(_victim(entry))
            line = (
                setting.data + (f", {setting.limit} pictures" if setting.limit else ""),
                f"{victim}, {entry['init']}, {setting.size} px" + (f", learning rate {setting.lr:g}" if setting.lr else ""),
                MASKS.get(masks, masks),
                "-" if entry["defence"] == "none" else entry["defence"],
                number(entry["clean_mean"]),
                number(entry["mean"]) + (f" ± {entry['std']:.1f}" if entry["n"] > 1 else ""),
                f"**{number(entry['relative_drop'], 0)} %**",
                f"{number(entry['best_relative_drop'], 0)} %",
                "-" if control is None else f"{number(control['relative_drop'], 0)} %",
                str(entry["n"]),
            )
            place = order.index(masks) if masks in order else len(order)
            washed = "" if entry["defence"] == "none" else entry["defence"]
            key = (
                setting.data,
                setting.limit or 0,
                setting.size,
                entry["init"],
                washed,
                [*VICTIMS].index(victim),
                setting.lr,
                place,
                masks,
            )
            rows.append((key, line))
    return "\n".join(markdown_table(EFFICACY_HEADER, [line for _, line in sorted(rows)]))


def _victim(entry: Document) -> tuple[str, ...]:
    return entry["victim"], entry["init"], entry["defence"]


def targets(docs: Path) -> str:
    """Every target beside what the shipped generator reaches, measured or not: on all of the data, at the victims' own sizes."""
    path = docs / "results" / "targets.json"
    if not path.is_file():
        return ""
    reached = {
        (setting.data, *_victim(entry), entry["condition"]): entry
        for setting, entries in measured(docs).items()
        if setting.own
        for entry in entries
    }
    rows: list[tuple[str, ...]] = []
    for target in json.loads(path.read_text(encoding="utf-8")):
        for data, victim in itertools.product(target["data"], target["victims"]):
            rows += _judged(target, data, (victim, target.get("init", "pretrained")), reached)
    return "\n\n".join(filter(None, ["## Targets", TARGETS, "\n".join(markdown_table(TARGETS_HEADER, rows)), visibility(docs)]))


def _judged(target: Document, data: str, victim: tuple[str, str], reached: dict[tuple[str, ...], Document]) -> list[tuple[str, ...]]:
    """The rows of one target for one victim: under each defence, and their mean where the target sets one."""
    masks, found = target["masks"], []
    rows = []
    for defence in target.get("defences", ["none"]):
        entry, rival = (reached.get((data, *victim, defence, name)) for name in (masks, "texture"))
        drop = None if entry is None else entry["relative_drop"]
        against = None if rival is None or masks != "gt" else rival["relative_drop"]
        if drop is None:
            verdict = "not measured"
        elif "at_most" in target:
            verdict = "met" if drop <= target["at_most"] else "missed"
        else:
            verdict = "missed" if drop < target["at_least"] else "met" if against is None or drop >= against else "missed: under the rival"
        bound = f"at most {target['at_most']}" if "at_most" in target else f"at least {target['at_least']}"
        washed = "-" if defence == "none" else defence
        seeds = "-" if entry is None else str(entry["n"])
        what = (target["row"], target["what"], data, ", ".join(victim), washed, bound)
        rows.append((*what, number(drop, 0), number(against, 0), seeds, verdict))
        found.append(drop)
    unwashed = reached.get((data, *victim, "none", masks))
    if "mean_of_unwashed" in target and unwashed is not None and None not in found:
        least, average = target["mean_of_unwashed"] * unwashed["relative_drop"], mean(found)
        what = (target["row"], f"{target['what']}: mean", data, ", ".join(victim), "all of these", f"at least {least:.0f}")
        rows.append((*what, number(average, 0), "-", "-", "met" if average >= least else "missed"))
    return rows


def visibility(docs: Path) -> str:
    """What can be seen on the example pictures, from the manifest that `unseg protect` left beside them."""
    path = docs / "results" / "examples-photos" / "unseg-manifest.jsonl"
    lines = json_lines(path)
    if not lines:
        return ""
    psnr, ssim = (min(line[name] for line in lines) for name in ("psnr", "ssim"))
    sums = docs.parent / "weights" / "SHA256SUMS"
    shipped = sums.is_file() and {line["generator_sha256"] for line in lines} == {sums.read_text(encoding="utf-8").split()[0]}
    verdict = "met" if psnr >= LEAST_PSNR and ssim >= LEAST_SSIM else "missed"
    return VISIBILITY.format(
        count=len(lines), psnr=f"{psnr:.1f}", ssim=f"{ssim:.3f}", least_psnr=LEAST_PSNR, least_ssim=LEAST_SSIM,
        verdict=verdict if shipped else "made with earlier weights", path=f"results/{path.parent.name}/{path.name}",
    )  # fmt: skip


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
            "-" if setting["defence"] == "none" else setting["defence"],
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


def page(docs: Path) -> str:
    """The whole page."""
    parts = [(docs / "results_intro.md").read_text(encoding="utf-8").rstrip(), *filter(None, [targets(docs)])]
    for folder, document, run in runs_kept(docs):
        plots = " ".join(
            f"![{name}](results/{folder.name}/{name}.png)" for name in ("bars", "curves") if (folder / f"{name}.png").is_file()
        )
        note = f"{EARLIER}\n\n" if of_earlier_weights(folder, run, docs) else ""
        note += "".join(f"    {command}\n" for command in beforehand(folder).get("commands", []))
        parts.append(f"## {folder.name}\n\n{note}{section(document, run).rstrip()}\n\n{plots}".rstrip())
    tables = [table for table in (found_objects(docs), schedules(docs), experiments(docs)) if table]
    return "\n\n".join([*parts, *tables]) + "\n"


def with_table(readme: str, table: str) -> str:
    """The README with the table between its two comments made again."""
    if BEGIN not in readme or END not in readme:
        return readme
    head, rest = readme.split(BEGIN, 1)
    return f"{head}{BEGIN}\n\n{table}\n\n{END}{rest.split(END, 1)[1]}"


def main(arguments: list[str] | None = None, docs: Path = DOCS) -> int:
    """Run the script; 1 where --check finds the page stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="bench runs to keep")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    options = parser.parse_args(arguments)
    for run in options.runs:
        print(f"kept {keep(run, docs)}")
    made = {docs / "results.md": page(docs)}
    readme = docs.parent / "README.md"
    if readme.is_file():
        made[readme] = with_table(readme.read_text(encoding="utf-8"), efficacy(docs))
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if options.check:
        for path in made:
            print(f"{path} is {'stale: run scripts/make_results.py' if path in stale else 'up to date'}")
        return 1 if stale else 0
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

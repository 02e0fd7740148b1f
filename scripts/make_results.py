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
from typing import NamedTuple

from results_lines import experiments, found_objects, json_lines, schedules, washed_by

from unseg_cli.bench.pooling import pool
from unseg_cli.bench.report.markdown import Document, markdown_table, number, section
from unseg_cli.bench.victims.registry import VICTIMS

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
#: Conditions that are no protection of ours.
RIVALS = ("random", "texture")
EFFICACY_HEADER = ("data", "victim", "protected with", "washed by", "clean", "protected", "drop", "at its best epoch", "control", "seeds")
TARGETS_HEADER = ("target", "protected with", "data", "victim", "washed by", "aim", "drop", "texture", "seeds", "verdict")
TARGETS = """What the shipped generator is meant to cost a victim, in percent of its clean score, and what it does cost: the mean over
the seeds, at the sizes and schedules below. Runs of one setting with different seeds are taken together, each score beside the clean one of
its own run and seed. *texture* is what the closed-form rival costs with the same masks, where it was measured: our noise has to cost at
least as much. The list is `docs/results/targets.json`. Where a target is missed, what was tried for it stands at the end of this page."""
LEAST_PSNR, LEAST_SSIM = 34, 0.93
VISIBILITY = """F, visibility: `unseg protect examples/photos out` leaves [{count} pictures]({path}) with a PSNR of at least {psnr} dB
(aim: {least_psnr}) and an SSIM of at least {ssim} (aim: {least_ssim}): {verdict}. Both are blind to some of what the eye sees at once;
README says where that is."""
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


Pooled = dict[Setting, list[Document]]


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


def measured(docs: Path) -> Pooled:
    """What the shipped weights cost: the pooled entries of each setting, with the source of the masks as their condition."""
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


def efficacy(pooled: Pooled) -> str:
    """What protection cost the victims, one line for each setting: the table of README.md."""
    order, rows = [*MASKS], []
    for setting, entries in pooled.items():
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
                washed_by(entry["defence"]),
                number(entry["clean_mean"]),
                number(entry["mean"]) + (f" ± {entry['std']:.1f}" if entry["n"] > 1 else ""),
                f"**{number(entry['relative_drop'], 0)} %**",
                f"{number(entry['best_relative_drop'], 0)} %",
                "-" if control is None else f"{number(control['relative_drop'], 0)} %",
                str(entry["n"]),
            )
            place = order.index(masks) if masks in order else len(order)
            key = (
                setting.data,
                setting.limit or 0,
                setting.size,
                entry["init"],
                washed_by(entry["defence"]),  # a dash sorts before names
                [*VICTIMS].index(victim),
                setting.lr,
                place,
                masks,
            )
            rows.append((key, line))
    return "\n".join(markdown_table(EFFICACY_HEADER, [line for _, line in sorted(rows)]))


def _victim(entry: Document) -> tuple[str, ...]:
    return entry["victim"], entry["init"], entry["defence"]


def targets(docs: Path, pooled: Pooled) -> str:
    """Every target beside what the shipped generator reaches, measured or not: on all of the data, at the victims' own sizes."""
    path = docs / "results" / "targets.json"
    if not path.is_file():
        return ""
    reached = {
        (setting.data, *_victim(entry), entry["condition"]): entry
        for setting, entries in pooled.items()
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
        seeds = "-" if entry is None else str(entry["n"])
        what = (target["row"], target["what"], data, ", ".join(victim), washed_by(defence), bound)
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


def page(docs: Path, pooled: Pooled) -> str:
    """The whole page."""
    parts = [(docs / "results_intro.md").read_text(encoding="utf-8").rstrip(), *filter(None, [targets(docs, pooled)])]
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
    pooled = measured(docs)
    made = {docs / "results.md": page(docs, pooled)}
    readme = docs.parent / "README.md"
    if readme.is_file():
        made[readme] = with_table(readme.read_text(encoding="utf-8"), efficacy(pooled))
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

#!/usr/bin/env python3
"""Make docs/results.md, and the table of README.md, from the bench runs and experiments in docs/results/.

    python scripts/make_results.py              make page and table again
    python scripts/make_results.py runs/NAME    first copy what is kept of a run (tables, settings and plots) to docs/results/NAME
    python scripts/make_results.py --check      exit 1 if page or table is not what the runs say

The page is docs/results_intro.md, written by hand, a section for each run, made from its results.json and run.json alone, and one table
of the lines that scripts/explore_noise.py wrote. The table of README.md stands between two comments that name this script.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from statistics import mean
from typing import Any

from unseg_cli.bench_report import Document, section
from unseg_cli.metrics import relative_drop

DOCS = Path(__file__).resolve().parent.parent / "docs"
KEPT = ("results.json", "results.csv", "curves.csv", "summary.md", "run.json", "bars.png", "curves.png")
MASKS = {
    "gt": "true masks",
    "auto": "no masks: found objects",
    "whole": "no masks: whole picture",
    "per-class": "true classes, a noise each",
}
BEGIN, END = "<!-- table by scripts/make_results.py -->", "<!-- end of table -->"
SETTING = ("data", "victim", "init", "defence", "size", "epochs")
NOISE = ("layers", "background", "background_levels", "floor", "masks", "per_class", "fill")
NOT_SHOWN = (None, False, 1.0, 2, "gt", "flip")  # defaults
EXPERIMENTS = """Closed-form noises, tried with `scripts/explore_noise.py` before one became the start of the noise head.
A noise is COLOUR:TILE@CELLS: a random tile of TILE x TILE cells, CELLS of them along the longer side (magenta: against green; gray: all
channels alike; yellow: against blue; rgb: every channel its own), one sign on the object and the other beside it ("background zero":
nothing beside it). "floor" is the share of the budget that the smoothest places get. 8/255 on the object, 2/255 beside it; the drop is
against a clean run of the same setting. One seed is a direction, not a result: seeds differ by about 3 points."""
LARGEST = 150_000  # bytes of one kept file


def keep(run: Path, docs: Path) -> Path:
    """Copy what is kept of a run; gives the new folder."""
    missing = [name for name in KEPT if not (run / name).is_file()]
    if missing:
        sys.exit(f"{run} is not a finished bench run: {missing[0]} is missing")
    kept = docs / "results" / run.resolve().name
    kept.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        if (run / name).stat().st_size > LARGEST:
            sys.exit(f"{run / name} is larger than {LARGEST} bytes")
        shutil.copyfile(run / name, kept / name)
    return kept


def runs_kept(docs: Path) -> list[tuple[Path, Document, Document]]:
    """Folder, results.json and run.json of every run."""
    return [
        (results.parent, *(json.loads((results.parent / name).read_text(encoding="utf-8")) for name in ("results.json", "run.json")))
        for results in sorted((docs / "results").glob("*/results.json"))
    ]


def efficacy(docs: Path) -> str:
    """What protection cost the victims, one line for each setting: the table of README.md. Only runs with the shipped weights count."""
    sums = docs.parent / "weights" / "SHA256SUMS"
    shipped = sums.read_text(encoding="utf-8").split()[0] if sums.is_file() else None
    lines = [
        "| data | victim | protected with | washed by | clean | protected | drop | at its best epoch | control |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for _, document, run in runs_kept(docs):
        if shipped and (run["generator"] or {}).get("sha256") != shipped:
            continue
        size = {row["victim"]: max(row["height"], row["width"]) for row in document["rows"]}
        groups = {tuple(entry[name] for name in ("victim", "defence", "init", "condition")): entry for entry in document["summary"]}
        for (victim, defence, init, condition), entry in groups.items():
            if not condition.startswith("protected"):
                continue
            clean, control = (groups.get((victim, defence, init, name)) for name in ("clean", "random"))
            if clean is None:
                continue
            masks = MASKS[document["protect_masks"] if condition == "protected" else condition.removeprefix("protected-")]
            cells = (
                Path(document["data"]).name,
                f"{victim}, {init}, {size[victim]} px",
                masks,
                "-" if defence == "none" else defence,
                f"{clean['mean']:.1f}",
                f"{entry['mean']:.1f}" + (f" ± {entry['std']:.1f}" if entry["n"] > 1 else ""),
                f"**{entry['relative_drop']:.0f} %**",
                f"{entry['best_relative_drop']:.0f} %",
                "-" if control is None else f"{control['relative_drop']:.0f} %",
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def experiments(docs: Path) -> str:
    """One line for each noise that was tried, with the drop against the clean run of the same setting where there is one."""
    path = docs / "results" / "experiments.jsonl"
    if not path.is_file():
        return ""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for line in lines:
        groups.setdefault(tuple(line.get(name) for name in (*SETTING, *NOISE)), []).append(line)
    header = "| data | victim | washed by | epochs | seeds | noise | final | best | drop % | PSNR dB | SSIM | verdict |"
    rows = [header, "| --- " * (header.count("|") - 1) + "|"]
    for key, members in groups.items():
        setting = dict(zip((*SETTING, *NOISE), key, strict=True))
        same = [line for line in lines if line["layers"] == "clean" and all(line.get(name) == setting[name] for name in SETTING)]
        final, best = (mean(line[name] for line in members) for name in ("final", "best"))
        drop = f"{relative_drop(mean(line['final'] for line in same), final):.0f}" if same and setting["layers"] != "clean" else "-"
        noise = [setting["layers"]]
        if setting["layers"] not in ("clean", "random"):
            noise += [f"{name.replace('_', ' ')} {setting[name]}" for name in NOISE[1:] if setting[name] not in NOT_SHOWN]
        psnr, ssim = (members[0].get(name) for name in ("psnr", "ssim"))
        cells = (
            setting["data"],
            f"{setting['victim']}, {setting['init']}, {setting['size']} px",
            "-" if setting["defence"] == "none" else setting["defence"],
            str(setting["epochs"]),
            ",".join(str(line["seed"]) for line in members),
            ", ".join(noise),
            f"{final:.1f}",
            f"{best:.1f}",
            drop,
            "-" if psnr is None else f"{psnr:.1f}",
            "-" if ssim is None else f"{ssim:.3f}",
            members[0].get("note") or "-",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return f"## Noises that were tried\n\n{EXPERIMENTS}\n\n" + "\n".join(rows)


def page(docs: Path) -> str:
    """The whole page."""
    parts = [(docs / "results_intro.md").read_text(encoding="utf-8").rstrip()]
    for folder, document, run in runs_kept(docs):
        plots = " ".join(
            f"![{name}](results/{folder.name}/{name}.png)" for name in ("bars", "curves") if (folder / f"{name}.png").is_file()
        )
        parts.append(f"## {folder.name}\n\n{section(document, run).rstrip()}\n\n{plots}".rstrip())
    tried = experiments(docs)
    return "\n\n".join([*parts, tried] if tried else parts) + "\n"


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

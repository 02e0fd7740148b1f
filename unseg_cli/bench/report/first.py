"""The first generator, as it was meant to be and was: victims at 96 px (160 px for label maps) that zoomed in a little and never out.

Kept beside what is asked of a generator now (`targets.py`), so that nobody has to measure it again. The list is docs/results/first.json.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from statistics import mean
from typing import Any

from unseg_cli.bench.conditions import TEXTURE
from unseg_cli.bench.report.efficacy import defence_in_words, efficacy
from unseg_cli.bench.report.kept import First, KeptRun, first_generator, pooled, shipped_weights, victim_of
from unseg_cli.bench.report.text import markdown_table, number
from unseg_cli.core.runs import read_jsonl

Document = dict[str, Any]
#: Pooled entries by data set, victim, start, countermeasure and source of masks.
Reached = dict[tuple[str, ...], Document]

HEADLINE = "## The first generator, at 96 and 160 px"
HEADER = ("target", "protected with", "data", "victim", "defence", "aim", "drop", "texture", "seeds", "verdict")
INTRODUCTION = """What the first generator was meant to cost a victim, in percent of its clean score, and what it did cost: the mean over
the seeds, at the sizes and schedules below. *texture* is what the closed-form rival costs with the same masks, where it was measured: our
noise had to cost at least as much. The list is `docs/results/first.json`. Where a target was missed, what was tried for it stands
above. Attackers train on larger pictures and zoom further, which is what the targets of [results.md](results.md) ask about."""
LEAST_PSNR, LEAST_SSIM = 34, 0.93
VISIBILITY = """F, visibility: `unseg protect examples/photos out` leaves [{count} pictures]({path}) with a PSNR of at least {psnr} dB
(aim: {least_psnr}) and an SSIM of at least {ssim} (aim: {least_ssim}): {verdict}. Both are blind to some of what the eye sees at once;
README says where that is."""


def section(docs: Path, runs: list[KeptRun]) -> str:
    """Every target of then beside what was reached, measured or not: on all of the data, at the schedules of then."""
    first = first_generator(docs)
    if first is None:
        return ""
    pool = pooled(runs, first.weights)
    reached: Reached = {
        (setting.data, *victim_of(entry), entry["condition"]): entry
        for setting, entries in pool.items()
        if setting.like == "first"
        for entry in entries
    }
    rows: list[tuple[str, ...]] = []
    for target in first.targets:
        for data, victim in itertools.product(target["data"], target["victims"]):
            rows += _judged(target, data, (victim, target.get("init", "pretrained")), reached)
    parts = [HEADLINE, INTRODUCTION, "\n".join(markdown_table(HEADER, rows)), visibility(docs, first)]
    if first.weights != shipped_weights(docs):  # else what it cost stands in the table of what ships
        parts.append(efficacy(pool))
    return "\n\n".join(filter(None, parts))


def _judged(target: Document, data: str, victim: tuple[str, str], reached: Reached) -> list[tuple[str, ...]]:
    """The rows of one target for one victim: under each defence, and their mean where the target sets one."""
    masks = target["masks"]
    found: list[float | None] = []
    rows: list[tuple[str, ...]] = []
    for defence in target.get("defences", ["none"]):
        entry, rival = (reached.get((data, *victim, defence, name)) for name in (masks, TEXTURE))
        drop = None if entry is None else entry["relative_drop"]
        against = None if rival is None or masks != "gt" else rival["relative_drop"]
        bound = f"at most {target['at_most']}" if "at_most" in target else f"at least {target['at_least']}"
        seeds = "-" if entry is None else str(entry["n"])
        what = (target["row"], target["what"], data, ", ".join(victim), defence_in_words(defence), bound)
        rows.append((*what, number(drop, 0), number(against, 0), seeds, verdict(target, drop, against)))
        found.append(drop)
    undefended = reached.get((data, *victim, "none", masks))
    drops = [drop for drop in found if drop is not None]
    if "mean_of_undefended" in target and undefended is not None and len(drops) == len(found):
        least, average = target["mean_of_undefended"] * undefended["relative_drop"], mean(drops)
        what = (target["row"], f"{target['what']}: mean", data, ", ".join(victim), "all of these", f"at least {least:.0f}")
        rows.append((*what, number(average, 0), "-", "-", "met" if average >= least else "missed"))
    return rows


def verdict(target: Document, drop: float | None, rival: float | None) -> str:
    """Whether a drop is as the target wants it, and no smaller than the rival's."""
    if drop is None:
        return "not measured"
    if "at_most" in target:
        return "met" if drop <= target["at_most"] else "missed"
    if drop < target["at_least"]:
        return "missed"
    return "met" if rival is None or drop >= rival else "missed: under the rival"


def visibility(docs: Path, first: First) -> str:
    """What can be seen on the example pictures, from the manifest that `unseg protect` left beside them."""
    path = docs / "results" / "examples-photos" / "unseg-manifest.jsonl"
    lines = read_jsonl(path)
    if not lines:
        return ""
    psnr, ssim = (min(line[name] for line in lines) for name in ("psnr", "ssim"))
    reached = "met" if psnr >= LEAST_PSNR and ssim >= LEAST_SSIM else "missed"
    return VISIBILITY.format(
        count=len(lines),
        psnr=f"{psnr:.1f}",
        ssim=f"{ssim:.3f}",
        least_psnr=LEAST_PSNR,
        least_ssim=LEAST_SSIM,
        verdict=reached if {line["generator_sha256"] for line in lines} == {first.weights} else "made with other weights",
        path=f"results/{path.parent.name}/{path.name}",
    )

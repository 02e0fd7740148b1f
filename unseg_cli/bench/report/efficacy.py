"""The table of what protection cost the victims: one line for each setting, victim and source of masks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from unseg_cli.bench.conditions import CLEAN_SUBSET, RANDOM, TEXTURE
from unseg_cli.bench.report.kept import PER_CLASS, Pooled, Setting, told_apart, victim_of
from unseg_cli.bench.report.text import fraction, markdown_table, number, spread
from unseg_cli.bench.victims.registry import VICTIMS
from unseg_cli.core.budget import STRENGTHS, NoiseBudget

Document = dict[str, Any]

MASKS: dict[str, str] = {
    "gt": "true masks",
    "auto": "no masks: detected objects",
    "whole": "no masks: whole picture",
    "corrected": "detections, corrected where they are unsure",
    "folder": "masks of a folder",
    "uniform": "no masks: one pattern all over",
    PER_CLASS: "true classes, a noise each",
}
#: What goes without saying: most rows were measured with it.
FIRST_BUDGET = NoiseBudget(8 / 255, 2 / 255, visible=None, min_cell=1.0)
#: Conditions that are no protection of ours.
RIVALS = (RANDOM, TEXTURE)
HEADER = ("data", "victim", "protected with", "defence", "clean", "protected", "drop", "at its best epoch", "control", "seeds")
INTRODUCTION = """One line for each setting that was measured with the shipped generator, the mean over its seeds. *drop*: what the victim's
score lost, in percent of the clean one; *at its best epoch*: what it would have lost if it had been stopped at the right moment; *control*:
what random noise at the object's budget cost the same victim; *defence*: what was done to the pictures before training. How a victim saw
its pictures stands behind their size: *crops* zoom in a little, *jitter* far in and out (`unseg_cli/bench/augmentation.py`); how many
epochs it was trained for, where that is not its own schedule.
The noise had {budget} on the object and {outside} outside, where nothing else is said."""
#: README shows these alone: for each data set a victim that loses much and, where one was found, one that loses little; and the masks
#: that an owner has.
README_VICTIMS = {
    "ecssd": ("unet", "deeplabv3plus"),
    "easy": ("unet", "deeplabv3plus"),
    "cvc_clinicdb": ("unet", "deeplabv3plus"),
    "camvid": ("segformer",),
}
#: What --strength and its neighbours let the noise show, and on which masks that is compared.
SHOWN = {
    "`--strength low`": STRENGTHS["low"],
    "`--strength medium`, the default": STRENGTHS["medium"],
    "`--no-closely`": replace(STRENGTHS["medium"], closely=False),
    "`--strength high`": STRENGTHS["high"],
}
SHOWN_ON = {"gt": "true masks", "auto": "no masks", "corrected": "`detect`, corrected where it is unsure"}
README_MASKS = ("gt", PER_CLASS, "auto", "corrected", "whole")


def efficacy(pooled: Pooled, *, short: bool = False) -> str:
    """The table.

    Args:
        pooled: see `kept.pooled`.
        short: the lines of README alone.
    """
    rows = []
    own = {setting.data for setting in pooled if setting.like == "own"}
    for setting, entries in pooled.items():
        # README shows victims as they are trained without options; of data where no such run is kept yet, those of the first generator
        if short and setting.like != ("own" if setting.data in own else "first"):
            continue
        controls = {victim_of(entry): entry for entry in entries if entry["condition"] == RANDOM}
        for entry in entries:
            if entry["condition"] not in RIVALS and (not short or _in_readme(setting, entry)):
                rows.append((_order(setting, entry), _line(setting, entry, controls.get(victim_of(entry)))))
    return "\n".join(markdown_table(HEADER, [line for _, line in sorted(rows)]))


def by_strength(pooled: Pooled) -> str:
    """What a U-Net lost on ECSSD, trained as it is without options, for how far the noise might show: a table of final drops."""
    own = {
        (setting.budget, entry["condition"]): entry
        for setting, entries in pooled.items()
        if (setting.data, setting.like) == ("ecssd", "own")
        for entry in entries
        if victim_of(entry) == ("unet", "pretrained", "none") and entry["ratio"] == 1
    }
    rows = []
    for words, budget in SHOWN.items():
        found = [own.get((told_apart(budget, masks), masks)) for masks in SHOWN_ON]
        rows.append((words, *("-" if entry is None else f"{number(entry['relative_drop'], 0)} % ({_seeds(entry)})" for entry in found)))
    return "\n".join(markdown_table(("", *SHOWN_ON.values()), rows))


def _seeds(entry: Document) -> str:
    return f"{entry['n']} seed{'s' if entry['n'] > 1 else ''}"


def section(pooled: Pooled) -> str:
    """The table as a part of the page."""
    if not pooled:
        return ""
    bounds = {"budget": fraction(FIRST_BUDGET.foreground), "outside": fraction(FIRST_BUDGET.background)}
    return f"## What protection costs\n\n{INTRODUCTION.format(**bounds)}\n\n{efficacy(pooled)}"


def defence_in_words(defence: str) -> str:
    """A countermeasure for a cell of a table; a dash, which sorts first, where there is none."""
    return "-" if defence == "none" else defence


def _in_readme(setting: Setting, entry: Document) -> bool:
    usual = (entry["init"], entry["defence"], entry["ratio"], _how_far(setting.budget)) == ("pretrained", "none", 1, "")
    return usual and entry["victim"] in README_VICTIMS.get(setting.data, ()) and entry["condition"] in README_MASKS


def _line(setting: Setting, entry: Document, control: Document | None) -> tuple[str, ...]:
    return (
        setting.data + (f", {setting.limit} pictures" if setting.limit else ""),
        f"{entry['victim']}, {entry['init']}, {setting.size} px, {setting.augment}"
        + (f", {setting.epochs} epochs" if setting.like == "other" else "")
        + (f", learning rate {setting.lr:g}" if setting.lr else ""),
        _protected_with(setting, entry),
        defence_in_words(entry["defence"]),
        number(entry["clean_mean"]),
        spread(entry["mean"], entry["std"]) if entry["n"] > 1 else number(entry["mean"]),
        f"**{number(entry['relative_drop'], 0)} %**",
        f"{number(entry['best_relative_drop'], 0)} %",
        "-" if control is None else f"{number(control['relative_drop'], 0)} %",
        str(entry["n"]),
    )


def _protected_with(setting: Setting, entry: Document) -> str:
    words, share = str(MASKS.get(entry["condition"], entry["condition"])), entry["ratio"]
    if entry["condition"] == CLEAN_SUBSET:
        return f"nothing: the clean {number(100 * (1 - share), 0)} % of the pictures alone"
    if setting.budget != FIRST_BUDGET:
        words += f", {fraction(setting.budget.foreground)} and {fraction(setting.budget.background)}{_how_far(setting.budget)}"
    if share < 1:
        words += f", {number(100 * share, 0)} % of the pictures"
    return words + (f", files of {setting.source_size} px" if setting.source_size else "")


def _how_far(budget: NoiseBudget) -> str:
    """How far the noise might show, where that is not what it may without options. Runs of earlier versions knew no limit."""
    usual = NoiseBudget()
    if (budget.visible, budget.min_cell) == (FIRST_BUDGET.visible, FIRST_BUDGET.min_cell):
        return ""
    strength = next((name for name, one in STRENGTHS.items() if (one.visible, one.closely) == (budget.visible, budget.closely)), None)
    if strength is not None:
        return "" if STRENGTHS[strength] == usual else f", --strength {strength}"
    looked_at = {None: "", True: ", --closely", False: ", --no-closely"}[budget.closely]
    return looked_at if budget.visible == usual.visible else f", difference at most {budget.visible:g}{looked_at}"


def _order(setting: Setting, entry: Document) -> tuple[Any, ...]:
    known, masks = [*MASKS], entry["condition"]
    place = known.index(masks) if masks in known else len(known)
    victim = [*VICTIMS].index(entry["victim"])
    defence = defence_in_words(entry["defence"])
    return (
        setting.data,
        setting.limit or 0,
        setting.size,
        setting.augment,
        entry["init"],
        defence,
        victim,
        setting.epochs,
        setting.lr,
        place,
        masks,
        setting.budget.foreground,
        math.inf if setting.budget.visible is None else setting.budget.visible,
        setting.budget.closely is not None,
        setting.source_size or 0,
        -entry["ratio"],
    )

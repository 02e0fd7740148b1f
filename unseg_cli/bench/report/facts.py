"""Numbers in a text that is otherwise written by hand: each stands as a placeholder, and is looked up in the kept runs.

{score RUN VICTIM CONDITION}    mean and spread of the final metric
{drop RUN VICTIM CONDITION}     what of the clean score is lost, in percent
{best RUN VICTIM CONDITION}     the same at the best epoch
{seen RUN CONDITION}            mean difference that people see, about 1 where it can just be seen
{side RUN VICTIM}               the longer side of the training pictures, in pixels
{epochs VICTIM TASK INIT}       how long a victim is trained by default
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from unseg_cli.bench.report.kept import KeptRun
from unseg_cli.bench.report.text import number, spread
from unseg_cli.bench.victims.registry import find_victim
from unseg_cli.core.errors import UsageProblem

Document = dict[str, Any]
Runs = Mapping[str, KeptRun]

PLACEHOLDER = re.compile(r"\{(\w+) ([^{}]+)\}")


def fill_in(text: str, runs: list[KeptRun]) -> str:
    """The text with every placeholder looked up.

    Raises:
        UsageProblem: one that cannot be.
    """
    by_name = {run.name: run for run in runs}

    def look_up(found: re.Match[str]) -> str:
        kind, arguments = found.group(1), found.group(2).split()
        try:
            return FACTS[kind](by_name, *arguments)
        except (KeyError, TypeError, StopIteration):
            raise UsageProblem(f"{found.group()} is not in docs/results", hint=f"known kinds: {', '.join(FACTS)}") from None

    return PLACEHOLDER.sub(look_up, text)


def _entry(runs: Runs, run: str, victim: str, condition: str) -> Document:
    wanted = (victim, condition, "none")
    return next(one for one in runs[run].results["summary"] if (one["victim"], one["condition"], one["defence"]) == wanted)


def _score(runs: Runs, run: str, victim: str, condition: str) -> str:
    entry = _entry(runs, run, victim, condition)
    return spread(entry["mean"], entry["std"])


def _drop(runs: Runs, run: str, victim: str, condition: str) -> str:
    return number(_entry(runs, run, victim, condition)["relative_drop"], 0)


def _best(runs: Runs, run: str, victim: str, condition: str) -> str:
    return number(_entry(runs, run, victim, condition)["best_relative_drop"], 0)


def _seen(runs: Runs, run: str, condition: str) -> str:
    return number(runs[run].results["noise"][condition]["difference"], 2)


def _side(runs: Runs, run: str, victim: str) -> str:
    row = next(row for row in runs[run].results["rows"] if row["victim"] == victim)
    return str(max(row["height"], row["width"]))


def _epochs(_runs: Runs, victim: str, task: str, init: str) -> str:
    return str(find_victim(victim).schedules_from(init)[task].epochs)


FACTS: dict[str, Callable[..., str]] = {"score": _score, "drop": _drop, "best": _best, "seen": _seen, "side": _side, "epochs": _epochs}

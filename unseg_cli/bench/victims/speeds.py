"""How long victims train: pictures a second as `make bench-victims` measured them, and what follows for a training to come."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any

from unseg_cli.bench.victims.registry import SMALL
from unseg_cli.bench.victims.schedule import Schedule

FILE = "speeds.json"
#: Part of the time of a training step that a test picture takes, about; all test and, at the end, all training pictures are tested.
TESTED = 0.35

Document = dict[str, Any]


@lru_cache(maxsize=1)
def speeds() -> Document:
    """What was measured.

    `{"threads": .., "victims": {"unet": {"binary": {"pictures_per_second": .., "image_size": .., "parameters": ..}}}}`.
    """
    return dict(json.loads((resources.files(__package__) / FILE).read_text(encoding="utf-8")))


def pictures_per_second(victim: str, task: str, image_size: int) -> float | None:
    """Training pictures a second on the processor that was measured; None where this victim was not.

    Args:
        victim: its name.
        task: the task's name.
        image_size: side of the pictures; the time is taken to grow with their area.
    """
    found = speeds()["victims"].get(victim.removesuffix(SMALL), {}).get(task)
    return None if found is None else float(found["pictures_per_second"]) * (found["image_size"] / image_size) ** 2


def parameters(victim: str, task: str) -> int | None:
    """How many parameters a victim has on its usual encoder; None where it was not measured."""
    found = speeds()["victims"].get(victim.removesuffix(SMALL), {}).get(task, {}).get("parameters")
    return None if found is None else int(found)


def minutes(victim: str, task: str, schedule: Schedule, *, train: int, test: int) -> float | None:
    """How long a training takes on the processor that was measured; None where that is not known.

    Args:
        victim: its name.
        task: the task's name.
        schedule: how it is trained.
        train: number of pictures that it is trained on.
        test: number of pictures that it is tested on after each epoch.
    """
    speed = pictures_per_second(victim, task, schedule.image_size)
    if speed is None:
        return None
    pictures = schedule.epochs * (train + TESTED * test) + TESTED * train
    return pictures / speed / 60

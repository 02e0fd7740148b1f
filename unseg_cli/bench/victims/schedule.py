"""How a victim is trained: its size, its steps, and what is done to every batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from unseg_cli.core.errors import UsageProblem, did_you_mean

#: Names in `bench/augmentation.py`.
AugmentName = Literal["jitter", "crops"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How a victim is trained; tuned on clean data alone.

    Attributes:
        image_size: longer side of the training pictures in pixels.
        epochs: passes over the training pictures.
        batch_size: pictures in a step.
        lr: peak learning rate of the one-cycle schedule.
        weight_decay: AdamW's.
        augment: what is done to every batch, see `bench/augmentation.py`.
        amp: forward passes in bfloat16 where torch deems it safe.
    """

    image_size: int
    epochs: int
    batch_size: int
    lr: float
    weight_decay: float = 0.01
    augment: AugmentName = "jitter"
    amp: bool = False


def find_augment(name: str) -> AugmentName:
    """Look the name of an augmentation up.

    Raises:
        UsageProblem: there is none of that name.
    """
    names: tuple[AugmentName, ...] = get_args(AugmentName)
    found = next((known for known in names if known == name), None)
    if found is None:
        raise UsageProblem(f"--augment {name!r} is not known", hint=did_you_mean(name, list(names)))
    return found

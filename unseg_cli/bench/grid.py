"""The cells of a run: what is trained and tested, once each."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from unseg_cli.bench.conditions import Condition
from unseg_cli.bench.countermeasures.registry import COUNTERMEASURES
from unseg_cli.bench.victims.schedule import Schedule
from unseg_cli.noise.version import NOISE_CODE

Size = tuple[int, int]  # height, width

KEY_LENGTH = 12


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """What the pictures and the truth of a data set depend on.

    Attributes:
        name: as the user called it.
        task: the task's name.
        limit: at most so many pictures of each split; None: all.
        objects: the labels that the noise treats as objects.
        classes: the names of those that count; (): all.
        source_size: what the longer side of all pictures is brought to before anything else; None: they are left as they are.
    """

    name: str
    task: str
    limit: int | None
    objects: tuple[int, ...]
    source_size: int | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NoiseRecipe:
    """What the noise depends on beside the condition.

    Attributes:
        generator: the hash of its weights; None where no condition of the run uses one.
        ready: the folder of pictures that were protected before.
        masks: the folder of masks that the protection uses.
        finder: the identity of what finds objects; None where no condition of the run asks for any.
        code: the version of the code that draws.
    """

    generator: str | None
    ready: str | None
    masks: str | None = None
    finder: str | None = None
    code: str = NOISE_CODE


@dataclass(frozen=True, kw_only=True)
class PictureSet:
    """Prepared pictures that cells share: all training pictures of a data set under one condition and one countermeasure, at one size."""

    condition: Condition
    countermeasure: str
    size: Size


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training to do.

    Attributes:
        data: the data set and its task.
        victim: its name.
        schedule: how it is trained.
        size: height and width of the training pictures.
        condition: what is done to the training pictures.
        countermeasure: what the attacker does about it, by name.
        init: "pretrained" or "scratch".
        seed: of the weights, the order and the augmentation.
        noise: what the noise depends on besides.
    """

    data: DataRecipe
    victim: str
    schedule: Schedule
    size: Size
    condition: Condition
    countermeasure: str
    init: str
    seed: int
    noise: NoiseRecipe

    @property
    def label(self) -> str:
        """What tells it apart from the other cells of its run, for people."""
        return f"{self.victim}-{self.condition.name}-{self.countermeasure}-seed{self.seed}"

    @property
    def recipe(self) -> dict[str, Any]:
        """All that its result depends on, JSON-ready.

        Clean pictures do not depend on how noise is drawn, unless the attacker has learned from noise.
        """
        settings = dataclasses.asdict(self)
        # What was not chosen is left out, as before there was a choice.
        if not self.data.classes:
            del settings["data"]["classes"]
        if not self.schedule.amp:
            del settings["schedule"]["amp"]
        learns = COUNTERMEASURES[self.countermeasure].learns
        if self.condition.clean and not learns:
            settings |= {"condition": self.condition.name, "noise": None}
        else:
            needed = {
                "generator": self.condition.uses_generator or learns,
                "masks": self.condition.masks == "folder",
                "finder": self.condition.detects,
            }
            settings["noise"] |= {name: None for name, wanted in needed.items() if not wanted}
        return settings

    @property
    def key(self) -> str:
        """Its name in RUN/rows: the label, and a hash of the recipe."""
        return f"{self.label}-{digest(self.recipe)}"

    @property
    def pictures(self) -> PictureSet:
        """What it is trained on; of a share under 1, the part that is changed."""
        return PictureSet(condition=dataclasses.replace(self.condition, share=1.0), countermeasure=self.countermeasure, size=self.size)


def digest(recipe: Any) -> str:
    """A short hash of something JSON-ready."""
    text = json.dumps(recipe, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def cells(
    *,
    data: DataRecipe,
    victims: Iterable[tuple[str, Schedule, Size]],
    seeds: Iterable[int],
    countermeasures: Iterable[str],
    conditions: Iterable[Condition],
    init: str,
    noise: NoiseRecipe,
) -> list[Cell]:
    """All cells, those of one seed together, so that the first answers come early."""
    return [
        Cell(
            data=data, victim=victim, schedule=schedule, size=size, condition=condition, countermeasure=countermeasure, init=init,
            seed=seed, noise=noise,
        )
        for (victim, schedule, size), seed, countermeasure, condition in itertools.product(
            tuple(victims), tuple(seeds), tuple(countermeasures), tuple(conditions)
        )
    ]  # fmt: skip

"""Cells: what they are called, and what their key depends on."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from unseg_cli.bench import grid
from unseg_cli.bench.conditions import Condition
from unseg_cli.bench.grid import Cell, DataRecipe, NoiseRecipe, cells
from unseg_cli.bench.victims.schedule import Schedule
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.noise.version import NOISE_CODE

SCHEDULE = Schedule(image_size=32, epochs=1, batch_size=4, lr=1e-3)
DATA = DataRecipe(name="x", task="binary", limit=None, objects=(1,))
NOISE = NoiseRecipe(generator="ab", ready=None)


def cell(name: str = "protected", **more: Any) -> Cell:
    plain: dict[str, Any] = {
        "data": DATA,
        "victim": "unet",
        "schedule": SCHEDULE,
        "size": (32, 32),
        "condition": Condition.parse(name, masks="gt", budget=NoiseBudget()),
        "countermeasure": "none",
        "init": "scratch",
        "seed": 0,
        "noise": NOISE,
    }
    return Cell(**{**plain, **more})


def test_the_noise_code_is_that_of_the_package() -> None:
    assert NOISE.code == NOISE_CODE
    assert cell().recipe["noise"]["code"] == NOISE_CODE


@pytest.mark.parametrize(
    "change",
    [
        {"data": dataclasses.replace(DATA, limit=3)},
        {"data": dataclasses.replace(DATA, source_size=1600)},
        {"victim": "segformer"},
        {"schedule": dataclasses.replace(SCHEDULE, lr=2e-3)},
        {"schedule": dataclasses.replace(SCHEDULE, augment="crops")},
        {"schedule": dataclasses.replace(SCHEDULE, amp=True)},
        {"size": (64, 64)},
        {"condition": Condition.parse("protected", masks="auto", budget=NoiseBudget())},
        {"condition": Condition.parse("protected", masks="gt", budget=NoiseBudget(1 / 255, 0))},
        {"condition": Condition.parse("protected", masks="gt", budget=NoiseBudget(), share=0.5)},
        {"countermeasure": "gray"},
        {"init": "pretrained"},
        {"seed": 1},
        {"noise": dataclasses.replace(NOISE, code="another")},
        {"noise": dataclasses.replace(NOISE, generator="cd")},
        {"condition": Condition.parse("protected", masks="gt", budget=NoiseBudget(visible=None))},
        {"condition": Condition.parse("protected", masks="gt", budget=NoiseBudget(min_cell=4))},
    ],
    ids=str,
)
def test_whatever_a_result_depends_on_is_in_the_key(change: dict[str, Any]) -> None:
    assert cell().key == cell().key
    assert cell(**change).key != cell().key


def test_a_choice_that_is_new_leaves_the_keys_of_older_runs_alone() -> None:
    assert "classes" not in cell().recipe["data"] and "amp" not in cell().recipe["schedule"]
    assert cell(schedule=dataclasses.replace(SCHEDULE, amp=True)).recipe["schedule"]["amp"] is True


def test_clean_cells_do_not_depend_on_noise_nor_random_ones_on_the_generator() -> None:
    other_code, other_weights = (dataclasses.replace(NOISE, **change) for change in ({"code": "another"}, {"generator": "cd"}))
    weak = Condition.parse("clean", masks="auto", budget=NoiseBudget(0, 0))
    assert cell("clean").key == cell("clean", noise=other_code).key == cell("clean", condition=weak).key
    assert cell("random").key == cell("random", noise=other_weights).key
    assert cell("random").key != cell("random", noise=other_code).key


def test_only_cells_that_look_for_objects_depend_on_what_finds_them_and_on_masks_those_that_take_them() -> None:
    others = {name: dataclasses.replace(NOISE, **{name: "another"}) for name in ("finder", "masks")}
    for masks, needed in (("gt", ""), ("auto", "finder"), ("corrected", "finder"), ("folder", "masks")):
        condition = Condition.parse("protected", masks=masks, budget=NoiseBudget())
        for name, noise in others.items():
            assert (cell(condition=condition).key != cell(condition=condition, noise=noise).key) == (name == needed)


def test_cells_of_one_seed_come_together() -> None:
    conditions = [Condition.parse(name, masks="gt", budget=NoiseBudget()) for name in ("clean", "random")]
    made = cells(
        data=DATA, victims=iter([("unet", SCHEDULE, (32, 32)), ("segformer", SCHEDULE, (32, 32))]), seeds=iter((0, 1)),
        countermeasures=("none",), conditions=iter(conditions), init="scratch", noise=NOISE,
    )  # fmt: skip
    assert [one.label for one in made] == [
        f"{victim}-{condition}-none-seed{seed}" for victim in ("unet", "segformer") for seed in (0, 1) for condition in ("clean", "random")
    ]
    assert len({one.key for one in made}) == len(made)
    assert all(one.key.startswith(one.label) and len(one.key) == len(one.label) + 1 + grid.KEY_LENGTH for one in made)

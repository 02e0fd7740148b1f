"""Noise that is found for each picture by descent on a network's loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.bench.conftest import label_folder
from tests.bench.pixelwise import Pixelwise
from tests.bench.preparation.test_prepare import Case, sets
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.examples import Batch
from unseg_cli.bench.preparation import cache, minimised, prepare
from unseg_cli.bench.preparation.prepare import train_examples
from unseg_cli.bench.run import bench
from unseg_cli.bench.victims.base import Victim
from unseg_cli.bench.victims.registry import VICTIMS, VictimEntry
from unseg_cli.bench.victims.schedule import Schedule
from unseg_cli.core.events import Events

NAME = "error-minimising"


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (minimised, cache, prepare):
        monkeypatch.setattr(module, "SIDE", 32)
    monkeypatch.setattr(minimised, "ROUNDS", 4)
    monkeypatch.setattr(minimised, "NETWORK_STEPS", 10)
    schedule = Schedule(image_size=32, epochs=1, batch_size=4, lr=0.2)
    victim = VictimEntry(
        name="unet", description="", schedules=dict.fromkeys(("binary", "semantic"), schedule), packages=(), build=Pixelwise
    )
    monkeypatch.setitem(VICTIMS, "unet", victim)


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[Victim]:
    """Those that noise was found with."""
    found: list[Victim] = []
    find = minimised.minimise

    def watched(*arguments: Any, **more: Any) -> Victim:
        found.append(find(*arguments, **more))
        return found[-1]

    monkeypatch.setattr(prepare, "minimise", watched)
    return found


def loss(victim: Victim, case: Case, condition: str) -> float:
    """On all pictures under a condition, not augmented."""
    examples = train_examples(case.cache, sets((condition,))[0])
    with torch.no_grad():
        return float(sum(victim(Batch(images=examples.images.float() / 255, targets=tuple(examples.targets))).values()))


def test_it_keeps_its_bounds_and_lowers_the_network_s_loss(folder: Path, tmp_path: Path, networks: list[Victim]) -> None:
    case = Case(folder, tmp_path, limit=12)
    wanted = sets(("clean", NAME, "random"))
    visibility = case.prepare(wanted)
    assert 7 <= visibility[NAME]["linf_255"] <= 8
    original = case.maker.read(case.data.train[3])
    (made,) = case.maker.make(original, case.maker.draw([original], [wanted[1].condition])[0], [wanted[1].condition], 3).values()
    moved = np.abs(made.astype(int) - original.image)
    inside = original.labels > 0
    assert 6 <= moved[inside].max() <= 8 and 1 <= moved[~inside].max() <= 2
    (victim,) = networks
    assert loss(victim, case, NAME) < 0.95 * min(loss(victim, case, "clean"), loss(victim, case, "random"))


def test_every_picture_has_its_own_and_a_second_run_the_same(folder: Path, tmp_path: Path, networks: list[Victim]) -> None:
    first, second = (Case(folder, tmp_path / name, limit=4) for name in "ab")
    kept = []
    for case in (first, second):
        case.prepare(sets((NAME,)))
        kept.append(np.load(case.cache.minimised(sets((NAME,))[0].condition)))
    assert kept[0].shape == (4, 3, 32, 32) and np.array_equal(*kept)
    assert not np.array_equal(kept[0][0], kept[0][1]) and np.abs(kept[0].astype(int)).max() == minimised.TOP
    first.prepare(sets((NAME, "random"), size=(64, 64)))  # another size: what was found is taken again
    assert len(networks) == 2


def test_a_bench_with_it(tmp_path: Path) -> None:
    data = label_folder(tmp_path / "data")
    config = BenchConfig(
        data=str(data),
        conditions=("clean", NAME),
        image_size=32,
        epochs=1,
        batch_size=2,
        out=tmp_path / "run",
        device="cpu",
        init="scratch",
    )
    document = bench(config, Events()).document
    assert [row["condition"] for row in document["rows"]] == ["clean", NAME]
    assert 5 <= document["noise"][NAME]["linf_255"] <= 8
    assert not (tmp_path / "run" / "prepared").exists()

"""Each kind of step teaches its own part what it is for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.train.conftest import first_batch, learners_of, tiny
from unseg_cli.core.errors import UnsegError
from unseg_cli.datasets.batches import Batch
from unseg_cli.train.config import StepSettings
from unseg_cli.train.learners import Learners
from unseg_cli.train.presets import train_config
from unseg_cli.train.steps import turns
from unseg_cli.train.steps.draws import Draws


@pytest.fixture(scope="module")
def learners(sam_parts: Path) -> Learners:
    """Shared by tests that look at losses alone."""
    torch.manual_seed(0)
    return learners_of(tiny(Path("unused"), sam_parts))


@pytest.fixture(scope="module")
def settings(sam_parts: Path) -> StepSettings:
    return tiny(Path("unused"), sam_parts).step_settings


def loss_of(turn: str, learners: Learners, batch: Batch, settings: StepSettings, seed: int = 1) -> torch.Tensor:
    return turns.loss_of(turn, learners.generator, learners.surrogate, batch, settings, Draws(seed, total=len(batch)))


def snapshot(learners: Learners) -> dict[str, torch.Tensor]:
    state = {f"generator.{k}": v.clone() for k, v in learners.generator.state_dict().items()}
    return state | {f"surrogate.{k}": v.clone() for k, v in learners.surrogate.state_dict().items()}


@pytest.mark.parametrize("turn", ["objects", "focus", "surrogate", "noise"])
def test_each_step_changes_its_own_part_alone(turn: str, learners: Learners, settings: StepSettings) -> None:
    before = snapshot(learners)
    learners.learn(turn, first_batch(), seed=1, rate=1.0)
    changed = {name for name, tensor in snapshot(learners).items() if not torch.equal(tensor, before[name])}
    own = {
        "objects": lambda n: n.startswith("generator.") and ".noise_head." not in n,
        "focus": lambda n: n.startswith("generator.") and ".noise_head." not in n,
        "surrogate": lambda n: n.startswith("surrogate."),
        "noise": lambda n: ".noise_head." in n,
    }[turn]
    assert changed and all(own(name) for name in changed), sorted(name for name in changed if not own(name))


@pytest.mark.parametrize("turn", ["surrogate", "noise"])
def test_so_it_is_with_the_papers_generator(turn: str, small_vit: Path) -> None:
    config = train_config("paper", init=str(small_vit), surrogate_size=64)
    learners = learners_of(config)
    before = snapshot(learners)
    learners.learn(turn, first_batch(2), seed=1, rate=1.0)
    changed = {name for name, tensor in snapshot(learners).items() if not torch.equal(tensor, before[name])}
    prefix = {"surrogate": "surrogate.", "noise": "generator.mask_decoder.noise_"}[turn]
    assert changed and all(name.startswith(prefix) for name in changed), sorted(changed)


def test_noise_steps_make_the_surrogates_task_easier(tmp_path: Path, sam_parts: Path) -> None:
    """On one batch, with the surrogate held still: what the upper level is for."""
    config = dataclasses.replace(
        tiny(tmp_path, sam_parts), degrade=0.0, train_epsilon=16 / 255, noise_lr=0.5, surrogate_lr=2e-3, prompt_free_share=1.0
    )
    learners, batch = learners_of(config), first_batch()
    losses: dict[str, list[float]] = {"surrogate": [], "noise": []}
    for turn, own in losses.items():
        for _ in range(8):
            own.append(learners.learn(turn, batch, seed=1, rate=1.0))
    assert losses["surrogate"][-1] < losses["surrogate"][0] - 0.3
    assert losses["noise"][-1] < losses["noise"][0] - 0.02, losses


def test_label_modification_aims_at_an_all_ones_mask(learners: Learners, settings: StepSettings) -> None:
    batch = first_batch()
    everything = Batch(batch.image, torch.ones_like(batch.mask), batch.salient)
    learners.set_turn("noise")
    modified = dataclasses.replace(settings, label_modification=True)
    losses = [[loss_of("noise", learners, b, s, seed=2).item() for s in (settings, modified)] for b in (batch, everything)]
    assert losses[0][0] != losses[0][1]
    assert losses[1][0] == pytest.approx(losses[1][1])


def test_a_loss_that_is_not_finite_stops_the_training_and_says_what_helps(learners: Learners, settings: StepSettings) -> None:
    batch = first_batch()
    with pytest.raises(UnsegError, match="the focus loss is nan") as caught:
        loss_of("focus", learners, Batch(batch.image * float("nan"), batch.mask, batch.salient), settings)
    assert "lower --lr" in caught.value.hint


@pytest.mark.parametrize(("empty_share", "expected"), [(1.0, [0, 1]), (0.0, [1, 1])])
def test_a_picture_without_an_object_teaches_that_there_is_none_unless_a_prompt_points_at_it(
    empty_share: float, expected: list[float], monkeypatch: pytest.MonkeyPatch, learners: Learners, settings: StepSettings
) -> None:
    targets = []
    monkeypatch.setattr(turns, "mask_loss", lambda logits, target, _draws, **_: targets.append(target) or logits.mean())
    mask = torch.zeros(2, 1, 64, 64)
    mask[1] = 1
    batch = Batch(torch.rand(2, 3, 64, 64), mask, True)
    draws = Draws(0, total=2)
    turns.object_step(learners.generator, batch, settings, draws, empty_share)
    assert targets[0].mean((1, 2, 3)).tolist() == expected
    turns.noise_step(learners.generator, learners.surrogate, batch, settings, draws)
    assert targets[1].mean((1, 2, 3)).tolist() == [1, 1]

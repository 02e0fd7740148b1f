"""`unseg train` end to end, tiny."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.datasets.test_training_data import write_sa1b
from unseg_cli.core.errors import EnvironmentProblem, UnsegError, UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.datasets.batches import Batch, batches, open_sources
from unseg_cli.generators.files import load_generator, save_generator, weights_file
from unseg_cli.models import specs
from unseg_cli.models.build import build_generator
from unseg_cli.train import steps as train_steps
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.learners import Learners, build_learners
from unseg_cli.train.loop import one_step, train
from unseg_cli.train.presets import train_config
from unseg_cli.train.schedule import Schedule, plan


@pytest.fixture(scope="module")
def sam_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SAM's two parts with random weights: enough for the machinery."""
    torch.manual_seed(0)
    tensors = {k: v.contiguous() for k, v in build_generator("lite").state_dict().items() if k.startswith(("prompt_", "mask_"))}
    path = tmp_path_factory.mktemp("sam") / "parts.safetensors"
    save_file(tensors, str(path))
    return path


def tiny(out: Path, sam_parts: Path, **changes: object) -> TrainConfig:
    return train_config("tiny", **{"data": "synthetic", "out": out, "sam_parts": sam_parts, "max_steps": 4, **changes})


def weights(config: TrainConfig) -> dict[str, torch.Tensor]:
    return load_file(str(config.out / "checkpoint.safetensors"))


class StopAt(Events):
    """Ctrl-C at a given step."""

    def __init__(self, step: int) -> None:
        self.left = step

    def advance(self, n: int = 1, note: str = "") -> None:
        self.left -= n if note else 0
        if self.left == 0:
            raise KeyboardInterrupt


def test_a_run_leaves_what_it_promises(tmp_path: Path, sam_parts: Path) -> None:
    config = tiny(tmp_path / "run", sam_parts)
    report = train(config, Events())
    assert report.exit_code == 0 and report.document["steps"] == report.document["planned_steps"] == 12
    names = {path.name for path in config.out.iterdir()}
    assert {
        "run.json",
        "metrics.jsonl",
        "curves.png",
        "samples.png",
        "checkpoint.safetensors",
        "generator.safetensors",
        "MODEL_CARD.md",
    } <= names
    assert not [name for name in names if ".part" in name]
    document = json.loads((config.out / "run.json").read_text())
    assert document["settings"]["batch_size"] == 4 and "torch" in document["versions"]
    turns = [json.loads(line)["turn"] for line in (config.out / "metrics.jsonl").read_text().splitlines()]
    assert turns == ["objects"] * 4 + ["focus"] * 4 + ["surrogate"] * 2 + ["noise"] * 2
    generator = load_generator(str(config.out / "generator.safetensors"))
    assert generator.spec.image_size == 64
    with pytest.raises(UnsegError, match="holds a run already"):
        train(config, Events())


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path, sam_parts: Path) -> None:
    whole = tiny(tmp_path / "whole", sam_parts)
    train(whole, Events())
    parts = tiny(tmp_path / "parts", sam_parts)
    for step in (3, 4, 3):  # in each of the three stages
        with pytest.raises(KeyboardInterrupt):
            train(parts, StopAt(step))
        parts = dataclasses.replace(parts, resume=True)
    train(parts, Events())
    expected, found = weights(whole), weights(parts)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.allclose(tensor.float(), found[name].float(), atol=1e-6), name


@pytest.mark.parametrize("turn", ["objects", "focus", "surrogate", "noise"])
def test_each_step_changes_its_own_part_alone(turn: str, tmp_path: Path, sam_parts: Path) -> None:
    config = tiny(tmp_path, sam_parts)
    learners = build_learners(config, torch.device("cpu"))
    before = snapshot(learners)
    learners.set_turn(turn)
    loss = one_step(turn, learners, first_batch(config), config, torch.Generator().manual_seed(1))
    learners.update(turn, loss, 1.0)
    changed = {name for name, tensor in snapshot(learners).items() if not torch.equal(tensor, before[name])}
    own = {
        "objects": lambda n: n.startswith("generator.") and ".noise_head." not in n,
        "focus": lambda n: n.startswith("generator.") and ".noise_head." not in n,
        "surrogate": lambda n: n.startswith("surrogate."),
        "noise": lambda n: ".noise_head." in n,
    }[turn]
    assert changed and all(own(name) for name in changed), sorted(name for name in changed if not own(name))


def test_noise_steps_make_the_surrogates_task_easier(tmp_path: Path, sam_parts: Path) -> None:
    """On one batch, with the surrogate held still: what the upper level is for."""
    config = dataclasses.replace(
        tiny(tmp_path, sam_parts), degrade=0.0, train_epsilon=16 / 255, noise_lr=1e-2, surrogate_lr=2e-3, prompt_free_share=1.0
    )
    learners = build_learners(config, torch.device("cpu"))
    batch = first_batch(config)
    losses: dict[str, list[float]] = {"surrogate": [], "noise": []}
    for turn, own in losses.items():
        learners.set_turn(turn)
        for _ in range(8):
            loss = one_step(turn, learners, batch, config, torch.Generator().manual_seed(1))
            learners.update(turn, loss, 1.0)
            own.append(loss.item())
    assert losses["surrogate"][-1] < losses["surrogate"][0] - 0.3
    assert losses["noise"][-1] < losses["noise"][0] - 0.03, losses


def test_label_modification_aims_at_an_all_ones_mask(tmp_path: Path, sam_parts: Path) -> None:
    config = tiny(tmp_path, sam_parts)
    learners = build_learners(config, torch.device("cpu"))
    batch = first_batch(config)
    everything = Batch(batch.image, torch.ones_like(batch.mask), batch.salient)
    learners.set_turn("noise")
    plain, modified = (
        one_step("noise", learners, b, dataclasses.replace(config, label_modification=m), torch.Generator().manual_seed(2)).item()
        for b, m in ((batch, False), (batch, True))
    )
    assert plain != modified
    whole, whole_modified = (
        one_step("noise", learners, everything, dataclasses.replace(config, label_modification=m), torch.Generator().manual_seed(2)).item()
        for m in (False, True)
    )
    assert whole == pytest.approx(whole_modified)


def test_the_papers_generator_trains_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = specs.GeneratorSpec(
        kind="sam_vit", name="small", image_size=64, embed_stride=16, noise_size=16, vit_width=48, vit_depth=2, vit_heads=2,
        vit_global_blocks=(1,), vit_window=2,
    )  # fmt: skip
    monkeypatch.setitem(specs.SPECS, "vit_b", spec)
    start = build_generator(spec)
    sam = {k: v for k, v in start.state_dict().items() if not k.startswith("mask_decoder.noise_")}
    torch.save(sam, tmp_path / "sam.pth")
    config = train_config(
        "paper", data="synthetic", out=tmp_path / "run", init=str(tmp_path / "sam.pth"), surrogate_size=64, max_steps=5, batch_size=2,
        workers=0,
    )  # fmt: skip
    config = dataclasses.replace(config, block_steps=1)
    report = train(config, Events())
    turns = [json.loads(line)["turn"] for line in (config.out / "metrics.jsonl").read_text().splitlines()]
    assert turns == ["surrogate", "noise", "noise", "noise", "surrogate"]
    trained = load_file(report.document["generator"])
    for name, tensor in sam.items():
        assert torch.allclose(trained[name].float(), tensor, atol=1e-3), f"{name} is SAM's and frozen"


def test_a_named_data_set_is_found_in_its_home(tmp_path: Path, sam_parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sa1b(tmp_path / "sa1b-subset", count=4)
    monkeypatch.setenv("UNSEG_DATA", str(tmp_path))
    report = train(tiny(tmp_path / "run", sam_parts, data="sa1b-subset", max_steps=2), Events())
    assert Path(report.document["generator"]).exists()


def test_init_starts_from_a_generator(tmp_path: Path, sam_parts: Path) -> None:
    start = build_generator("lite")
    save_generator(tmp_path / "start.safetensors", start, {})
    learners = build_learners(tiny(tmp_path, sam_parts, init=str(tmp_path / "start.safetensors")), torch.device("cpu"))
    for name, tensor in learners.generator.state_dict().items():
        assert torch.equal(tensor, start.state_dict()[name]), name


def test_adapting_teaches_the_shipped_generator_objects_and_leaves_its_noise(tmp_path: Path) -> None:
    config = train_config("adapt", data="synthetic", out=tmp_path / "run", image_size=64, batch_size=2, max_steps=2, workers=0)
    report = train(config, Events())
    turns = [json.loads(line)["turn"] for line in (config.out / "metrics.jsonl").read_text().splitlines()]
    assert turns == ["focus", "focus"]
    shipped, adapted = load_file(weights_file("lite")), load_file(report.document["generator"])
    assert shipped.keys() == adapted.keys()
    same = {name for name, tensor in shipped.items() if torch.equal(tensor, adapted[name])}
    assert {name for name in shipped if name.startswith("noise_head.")} <= same
    assert {name for name in shipped if name.startswith("image_encoder.laterals")} - same  # after two steps some are alike in float16


def test_problems_are_said_before_anything_starts(tmp_path: Path, sam_parts: Path) -> None:
    with pytest.raises(UsageProblem, match="multiple of 32"):
        train_config("tiny", image_size=100)
    with pytest.raises(UsageProblem) as caught:
        train_config("light")
    assert "lite" in caught.value.hint
    with pytest.raises(UnsegError, match="no checkpoint"):
        train(tiny(tmp_path / "none", sam_parts, resume=True), Events())
    with pytest.raises(EnvironmentProblem) as missing:
        build_learners(train_config("paper", out=tmp_path), torch.device("cpu"))
    assert "--init" in missing.value.hint


def test_the_schedule() -> None:
    schedule = plan(train_config("lite", data="synthetic"), pictures=10_553)
    finding = schedule.objects + schedule.focus
    assert [schedule.turn(step) for step in (schedule.objects - 1, schedule.objects, finding - 1, finding)] == [
        *("objects", "focus", "focus", "surrogate")
    ]
    assert [schedule.progress(step) for step in (0, schedule.objects, finding)] == [0, 0, 0]
    assert schedule.progress(finding - 1) == 1 - 1 / schedule.focus
    paper = plan(train_config("paper"), pictures=100)
    assert paper == Schedule(objects=0, focus=0, total=27 * 25, block=25, surrogate_every=4)
    assert [paper.turn(epoch * 25) for epoch in range(5)] == ["surrogate", "noise", "noise", "noise", "surrogate"]


def first_batch(config: TrainConfig) -> Batch:
    sources = open_sources("synthetic")
    return next(iter(batches(sources, size=64, batch_size=config.batch_size, seed=0, start_step=0, stop_step=1, workers=0)))


def snapshot(learners: Learners) -> dict[str, torch.Tensor]:
    state = {f"generator.{k}": v.clone() for k, v in learners.generator.state_dict().items()}
    return state | {f"surrogate.{k}": v.clone() for k, v in learners.surrogate.state_dict().items()}


@pytest.mark.parametrize(("empty_share", "expected"), [(1.0, [0, 1]), (0.0, [1, 1])])
def test_a_picture_without_an_object_teaches_that_there_is_none_unless_a_prompt_points_at_it(
    empty_share: float, expected: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    targets = []
    monkeypatch.setattr(train_steps, "mask_loss", lambda logits, target, **_: targets.append(target) or logits.mean())
    config = train_config("tiny", out=tmp_path)
    learners = build_learners(config, torch.device("cpu"))
    mask = torch.zeros(2, 1, 64, 64)
    mask[1] = 1
    batch = Batch(torch.rand(2, 3, 64, 64), mask, torch.tensor([True, True]))
    rng = torch.Generator().manual_seed(0)
    train_steps.object_step(learners.generator, batch, config, rng, empty_share)
    assert targets[0].mean((1, 2, 3)).tolist() == expected
    train_steps.noise_step(learners.generator, learners.surrogate, batch, config, rng)
    assert targets[1].mean((1, 2, 3)).tolist() == [1, 1]

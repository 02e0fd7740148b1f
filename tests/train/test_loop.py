"""`unseg train` end to end, tiny."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.datasets.makers import write_sa1b
from tests.train.conftest import SMALL_VIT, Heard, StopAt, tiny
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.files import weights_file
from unseg_cli.generators.loading import load_generator
from unseg_cli.generators.sums import sha256_of
from unseg_cli.models.surrogate import vit_surrogate
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.loop import train
from unseg_cli.train.presets import train_config
from unseg_cli.train.setup import spec_of, starting_weights
from unseg_cli.train.start import initial_generator


def turns(config: TrainConfig) -> list[str]:
    return [json.loads(line)["turn"] for line in (config.out / "metrics.jsonl").read_text().splitlines()]


def test_a_run_leaves_what_it_promises(whole_run: TrainConfig) -> None:
    assert {path.name for path in whole_run.out.iterdir()} == {
        "run.json",
        "metrics.jsonl",
        "curves.png",
        "samples.png",
        "checkpoint.safetensors",
        "generator.safetensors",
        "MODEL_CARD.md",
    }
    assert turns(whole_run) == ["objects"] * 4 + ["focus"] * 4 + ["surrogate"] * 2 + ["noise"] * 2
    assert load_generator(str(whole_run.out / "generator.safetensors")).spec.image_size == 64


def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path, sam_parts: Path, whole_run: TrainConfig) -> None:
    parts = tiny(tmp_path / "parts", sam_parts)
    for step in (3, 4, 3):  # in each of the three stages
        with pytest.raises(KeyboardInterrupt, match=r"interrupted: \d+ of \d+ steps are done"):
            train(parts, StopAt(step))
        parts = dataclasses.replace(parts, resume=True)
    report = train(parts, Events())
    assert report.document["steps"] == report.document["planned_steps"] == 12
    expected, found = (load_file(str(config.out / "checkpoint.safetensors")) for config in (whole_run, parts))
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name
    card = (parts.out / "MODEL_CARD.md").read_text()
    assert "made in 4 parts" in card
    for step in (3, 7, 10):
        assert f"from step {step}: `unseg train " in card and "--resume" in card


def test_the_papers_generator_trains_too(tmp_path: Path, small_vit: Path) -> None:
    config = train_config(
        "paper", data="synthetic", out=tmp_path / "run", init=str(small_vit), surrogate_size=64, max_steps=5, batch_size=2, workers=0,
        block_steps=1,
    )  # fmt: skip
    report = train(config, Events())
    assert turns(config) == ["surrogate", "noise", "noise", "noise", "surrogate"]
    stored = load_file(report.document["generator"])
    assert stored and all(name.startswith("mask_decoder.noise_") for name in stored), "SAM's own weights are in SAM's own file"
    assert f"--sam-checkpoint {small_vit}" in report.closing[0]
    trained = load_generator(report.document["generator"], sam_checkpoint=small_vit)
    assert trained.source.sam_checkpoint_sha256 == sha256_of(small_vit)
    assert f"SAM's checkpoint with sha256 `{sha256_of(small_vit)}`" in (config.out / "MODEL_CARD.md").read_text()
    for name, tensor in torch.load(small_vit, weights_only=True).items():
        assert torch.equal(trained.state_dict()[name], tensor), f"{name} is SAM's and frozen"
    for name, tensor in stored.items():
        assert torch.equal(trained.state_dict()[name], tensor.float()), name


def test_a_generator_of_the_papers_kind_is_gone_on_from(tmp_path: Path, small_vit: Path) -> None:
    def run(name: str, **more: object) -> Report:
        small = {"surrogate_size": 64, "max_steps": 2, "batch_size": 2, "workers": 0, "block_steps": 1}
        return train(train_config("paper", data="synthetic", out=tmp_path / name, **small, **more), Events())

    first = run("first", init=str(small_vit)).document["generator"]
    second = run("second", init=first, sam_checkpoint=small_vit, lr=1e-12).document["generator"]
    for name, tensor in load_file(first).items():
        assert torch.allclose(load_file(second)[name], tensor, atol=1e-6), name
    with pytest.raises(EnvironmentProblem, match="holds a noise decoder alone"):
        run("third", init=first)
    with pytest.raises(UsageProblem, match="--sam-checkpoint has no effect"):
        run("fourth", init=str(small_vit), sam_checkpoint=small_vit)


def test_the_papers_recipe_on_a_processor_learns_noise_alone(tmp_path: Path) -> None:
    config = train_config("paper-lite", data="synthetic", out=tmp_path / "run", image_size=64, max_steps=4, batch_size=2, workers=0)
    config = dataclasses.replace(config, surrogate_size=64, block_steps=1)
    generator = load_generator(train(config, Events()).document["generator"])
    assert turns(config) == ["surrogate", "noise", "noise", "noise"]
    assert (generator.spec.name, generator.spec.noise_size) == ("sam_lite", 32)
    shipped = load_file(weights_file("lite"))
    for name, tensor in generator.state_dict().items():
        if ".noise_" not in name:
            assert torch.equal(tensor, shipped[name].float()), f"{name} is the small SAM's and frozen"


@pytest.mark.parametrize("init", ["random", "lite"])
def test_the_start_of_the_small_sam_is_chosen(init: str, tmp_path: Path) -> None:
    config = train_config("paper-lite", out=tmp_path, init=init, image_size=64)
    built = initial_generator(spec_of(config), starting_weights(config)).state_dict()
    shipped = load_file(weights_file("lite"))
    same = torch.equal(built["prompt_encoder.point_embeddings.0.weight"], shipped["prompt_encoder.point_embeddings.0.weight"].float())
    assert same is (init == "lite")


def test_the_papers_surrogate_starts_from_mae_and_says_how_much_of_it(tmp_path: Path, small_vit: Path) -> None:
    torch.manual_seed(3)
    source = vit_surrogate(SMALL_VIT, 64).image_encoder.state_dict()
    mae = {k.replace("lin1", "fc1").replace("lin2", "fc2"): v + 0.5 for k, v in source.items() if k.startswith(("patch_embed", "blocks"))}
    mae = {k: v for k, v in mae.items() if "rel_pos" not in k} | {"pos_embed": torch.ones(1, 5, 48), "cls_token": torch.zeros(1, 1, 48)}
    torch.save({"model": mae}, tmp_path / "mae.pth")
    config = train_config(
        "paper", data="synthetic", out=tmp_path / "run", init=str(small_vit), surrogate_size=64, max_steps=1, batch_size=2, workers=0,
        surrogate_weights=str(tmp_path / "mae.pth"), lr=1e-9,
    )  # fmt: skip
    events = Heard()
    train(config, events)
    (line,) = [line for line in events.lines if "mae.pth" in line]
    assert f"took 27 of its {len(source)} tensors" in line
    trained = load_file(config.out / "checkpoint.safetensors")
    for name in ("blocks.1.mlp.lin2.weight", "patch_embed.proj.weight"):
        assert torch.allclose(trained[f"surrogate.image_encoder.{name}"], source[name] + 0.5, atol=1e-4), name
    assert torch.allclose(trained["surrogate.image_encoder.pos_embed"], torch.ones(()), atol=1e-4)


def test_a_named_data_set_is_found_in_its_home(tmp_path: Path, sam_parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sa1b(tmp_path / "sa1b-subset", count=4)
    monkeypatch.setenv("UNSEG_DATA", str(tmp_path))
    report = train(tiny(tmp_path / "run", sam_parts, data="sa1b-subset", max_steps=1), Events())
    assert Path(report.document["generator"]).exists()


def test_adapting_teaches_the_shipped_generator_objects_and_leaves_its_noise(tmp_path: Path) -> None:
    config = train_config("adapt", data="synthetic", out=tmp_path / "run", image_size=64, batch_size=2, max_steps=2, workers=0)
    report = train(config, Events())
    assert turns(config) == ["focus", "focus"]
    shipped, adapted = load_file(weights_file("lite")), load_file(report.document["generator"])
    assert shipped.keys() == adapted.keys()
    same = {name for name, tensor in shipped.items() if torch.equal(tensor, adapted[name])}
    assert {name for name in shipped if name.startswith("noise_head.")} <= same
    assert {name for name in shipped if name.startswith("image_encoder.laterals")} - same  # after two steps some are alike in float16


def test_a_generator_that_finds_nothing_is_not_taught_to(tmp_path: Path, small_vit: Path) -> None:
    with pytest.raises(UsageProblem, match="does not find objects"):
        train(train_config("paper", data="synthetic", out=tmp_path / "run", init=str(small_vit), object_epochs=1.0), Events())
    assert not (tmp_path / "run").exists()


def test_missing_weights_are_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem) as missing:
        train(train_config("paper", data="synthetic", out=tmp_path / "run", surrogate_size=64, image_size=64), Events())
    assert "--init" in missing.value.hint
    with pytest.raises(EnvironmentProblem, match=r"--init .*nowhere\.pth: no such file"):
        train(train_config("paper", data="synthetic", out=tmp_path / "run", init=str(tmp_path / "nowhere.pth")), Events())
    assert not (tmp_path / "run").exists()

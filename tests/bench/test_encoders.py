"""Victims on the paper's encoders, and where those get their weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.bench.conftest import label_folder
from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.run import bench
from unseg_cli.bench.victims.base import VictimSpec
from unseg_cli.bench.victims.encoders import KNOWN, USUAL
from unseg_cli.bench.victims.registry import CONVOLUTIONAL, ENCODERS, VICTIMS, find_victim
from unseg_cli.core.errors import EnvironmentProblem, UnsegError, UsageProblem
from unseg_cli.core.events import Events


def spec(*, pretrained: bool = False, weights: Path | None = None) -> VictimSpec:
    return VictimSpec(task="binary", classes=("a", "b"), pretrained=pretrained, side=64, encoder_weights=weights)


@pytest.mark.parametrize("encoder", CONVOLUTIONAL[1:])
@pytest.mark.parametrize("victim", ["unetplusplus", "deeplabv3plus"])
def test_the_paper_s_victims_stand_on_the_paper_s_encoders(victim: str, encoder: str) -> None:
    entry = find_victim(f"{victim}+{encoder}")
    if (victim, encoder) == ("deeplabv3plus", "densenet169"):  # the library has no DenseNet that keeps the size
        with pytest.raises(UsageProblem, match="DeepLabV3Plus cannot be built on densenet169"):
            entry.build(spec())
        return
    built = entry.build(spec()).eval()
    assert entry.name == f"{victim}+{encoder}" and built.normalisation == USUAL
    usual = VICTIMS[victim].build(spec())
    assert sum(p.numel() for p in built.parameters()) > 2 * sum(p.numel() for p in usual.parameters())
    with torch.no_grad():
        assert built.network(torch.rand(1, 3, 64, 64)).shape == (1, 1, 64, 64)


@pytest.mark.parametrize(("encoder", "suffix"), [("resnet50", ".pth"), ("regnetx", ".safetensors")])
def test_weights_come_from_a_file_whole_or_not_at_all(encoder: str, suffix: str, tmp_path: Path) -> None:
    entry, path = find_victim(f"unet+{encoder}"), tmp_path / f"weights{suffix}"
    torch.manual_seed(1)
    network = entry.build(spec()).network
    inner = getattr(network.encoder, "model", network.encoder)
    given = {name: tensor.contiguous() for name, tensor in inner.state_dict().items()}

    def save(weights: dict[str, torch.Tensor]) -> None:
        torch.save(weights, path) if suffix == ".pth" else save_file(weights, path)

    save(given | {"fc.weight": torch.zeros(2, 2)})  # a classifier may be there
    torch.manual_seed(2)
    loaded = entry.build(spec(pretrained=True, weights=path)).network.encoder
    assert all(torch.equal(tensor, given[name]) for name, tensor in getattr(loaded, "model", loaded).state_dict().items())
    absent = next(iter(given))
    save({name: tensor for name, tensor in given.items() if name != absent})
    with pytest.raises(UsageProblem, match=f"1 of {len(given)} tensors are not in it, first {absent}"):
        entry.build(spec(pretrained=True, weights=path))
    path.write_bytes(b"no weights")
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        entry.build(spec(pretrained=True, weights=path))


def test_without_the_hub_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("the hub cannot be reached\nand more")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", unreachable, raising=False)
    with pytest.raises(UnsegError, match="the ImageNet weights of resnet50 cannot be fetched") as caught:
        find_victim("unet+resnet50").build(spec(pretrained=True))
    assert "\n" not in caught.value.message and "--encoder-weights FILE" in caught.value.hint


def test_an_encoder_that_a_victim_has_not_is_named() -> None:
    with pytest.raises(UsageProblem, match="deeplabv1 cannot be built on 'resnet50'"):
        find_victim("deeplabv1+resnet50")
    with pytest.raises(UsageProblem, match="unet cannot be built on 'resnet51'") as caught:
        find_victim("unet+resnet51")
    assert "did you mean 'resnet50'" in caught.value.hint
    assert tuple(KNOWN) == ENCODERS


def test_the_option_is_part_of_the_victim_s_name_and_of_the_run(tmp_path: Path) -> None:
    config = BenchConfig(
        data=str(label_folder(tmp_path / "data")), victims=("unet",), encoder="resnet50", init="scratch", conditions=("clean",),
        image_size=32, epochs=1, batch_size=2, out=tmp_path / "run", device="cpu",
    )  # fmt: skip
    (row,) = bench(config, Events()).document["rows"]
    assert row["victim"] == "unet+resnet50"
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert list(run["schedules"]) == ["unet+resnet50"] and "--encoder resnet50" in run["command"]


def test_weights_that_are_not_there_are_asked_for_before_pictures_are_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseg_cli.bench.run_cells.prepare", lambda *_, **__: pytest.fail("pictures were prepared"))
    (tmp_path / "weights.pth").write_bytes(b"no weights")
    config = BenchConfig(
        data=str(label_folder(tmp_path / "data")), encoder="resnet50", encoder_weights=tmp_path / "weights.pth", conditions=("clean",),
        image_size=32, epochs=1, batch_size=2, out=tmp_path / "run", device="cpu",
    )  # fmt: skip
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        bench(config, Events())

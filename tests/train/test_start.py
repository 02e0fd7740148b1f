"""What a training starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.train.conftest import SMALL_VIT, tiny
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.generators.files import weights_file
from unseg_cli.generators.loading import save_generator
from unseg_cli.generators.sums import sha256_of
from unseg_cli.models.build import build_generator
from unseg_cli.models.imagenet import imagenet_lite0_state_dict
from unseg_cli.models.specs import SPECS
from unseg_cli.train.setup import spec_of
from unseg_cli.train.start import StartingWeights, initial_generator, initial_surrogate

LITE = SPECS["lite"].at_size(64)


def test_init_starts_from_a_generator_of_any_image_size(tmp_path: Path) -> None:
    start = build_generator("lite")
    save_generator(tmp_path / "start.safetensors", start, {})
    begun = initial_generator(LITE, StartingWeights(init=str(tmp_path / "start.safetensors")))
    assert begun.spec.image_size == 64
    for name, tensor in begun.state_dict().items():
        assert torch.equal(tensor, start.state_dict()[name]), name


def test_lite_starts_from_imagenet_and_sam(sam_parts: Path) -> None:
    begun = initial_generator(LITE, StartingWeights(sam_parts=sam_parts))
    surrogate = initial_surrogate(LITE, 64, StartingWeights(), Events())
    stem = imagenet_lite0_state_dict()["conv_stem.weight"]
    for network in (begun, surrogate):
        assert torch.equal(network.state_dict()["image_encoder.backbone.conv_stem.weight"], stem)
    assert StartingWeights(sam_parts=sam_parts).hashes(LITE) == {"sam_parts": sha256_of(sam_parts)}
    assert StartingWeights().files(LITE) == {"sam_parts": weights_file("lite")}


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (StartingWeights(surrogate="mae.pth"), "--surrogate-weights FILE is for"),
        (StartingWeights(init="lite", sam_parts=Path("parts")), "--sam-parts has no effect"),
    ],
)
def test_weights_that_would_do_nothing_are_refused(weights: StartingWeights, words: str) -> None:
    begin = {"--sam-parts": initial_generator, "--surrogate-weights": lambda spec, given: initial_surrogate(spec, 64, given, Events())}
    with pytest.raises(UsageProblem, match=words):
        begin[words.split()[0]](LITE, weights)


def test_init_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_generator(tmp_path / "vit.safetensors", build_generator(SMALL_VIT), {})
    with pytest.raises(UsageProblem, match="--init holds a small generator"):
        initial_generator(LITE, StartingWeights(init=str(tmp_path / "vit.safetensors")))


def test_an_unknown_generator_is_a_usage_problem(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem) as caught:
        spec_of(tiny(tmp_path, None, generator="light"))
    assert "lite" in caught.value.hint

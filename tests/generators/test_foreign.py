"""SAM's own checkpoint in a generator that is made of SAM."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from tests.models.conftest import LITE, SAM, small_generator
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.generators.foreign import load_sam_checkpoint
from unseg_cli.generators.loading import load_generator, save_generator
from unseg_cli.models.build import Generator, build_generator
from unseg_cli.models.sam.generator import SamVitGenerator


@pytest.fixture(scope="module")
def sam() -> Generator:
    """Not to be changed."""
    return small_generator("sam_vit")


def test_a_sam_checkpoint_fills_everything_but_the_noise(tmp_path: Path, sam: Generator) -> None:
    sam_only = {key: tensor for key, tensor in sam.state_dict().items() if ".noise_" not in key}
    path = tmp_path / "sam.pth"
    torch.save(sam_only, path)
    torch.manual_seed(9)
    fresh = SamVitGenerator(SAM)
    noise_before = {key: tensor.clone() for key, tensor in fresh.state_dict().items() if ".noise_" in key}
    load_sam_checkpoint(fresh, path)
    state = fresh.state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in sam_only.items())
    assert all(torch.equal(state[key], tensor) for key, tensor in noise_before.items())


def test_a_checkpoint_of_another_sam_is_refused_and_changes_nothing(tmp_path: Path, sam: Generator) -> None:
    other = {key: tensor for key, tensor in sam.state_dict().items() if ".noise_" not in key}
    other["image_encoder.blocks.9.norm1.weight"] = torch.ones(48)
    del other["image_encoder.pos_embed"]
    path = tmp_path / "sam_vit_h.pth"
    torch.save(other, path)
    before = {key: tensor.clone() for key, tensor in sam.state_dict().items()}
    with pytest.raises(EnvironmentProblem, match=r"1 missing \(image_encoder\.pos_embed\); 1 unexpected \(image_encoder\.blocks\.9"):
        load_sam_checkpoint(sam, path)
    assert all(torch.equal(tensor, before[key]) for key, tensor in sam.state_dict().items())


def test_it_does_not_fit_another_kind(tmp_path: Path) -> None:
    save_generator(tmp_path / "lite.safetensors", build_generator(LITE), {})
    with pytest.raises(UsageProblem, match="does not fit the generator lite") as caught:
        load_generator(str(tmp_path / "lite.safetensors"), sam_checkpoint=tmp_path / "sam.pth")
    assert "--generator vit_b" in caught.value.hint


def test_the_generator_says_which_checkpoint_it_took(tmp_path: Path, sam: Generator) -> None:
    save_generator(tmp_path / "sam.safetensors", sam, {})
    plain = load_generator(str(tmp_path / "sam.safetensors"))
    assert plain.source.sam_checkpoint_sha256 is None
    path = tmp_path / "sam.pth"
    torch.save({key: tensor for key, tensor in sam.state_dict().items() if ".noise_" not in key}, path)
    with_checkpoint = load_generator(str(tmp_path / "sam.safetensors"), sam_checkpoint=path)
    assert with_checkpoint.source.sam_checkpoint_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert with_checkpoint.source.sha256 == plain.source.sha256

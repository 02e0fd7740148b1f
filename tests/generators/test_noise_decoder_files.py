"""Files that hold the paper's noise decoder alone, and the SAM checkpoint that they belong to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.generators.conftest import TINY
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.generators.files import belongs_to, cache_dir, describe, is_generator
from unseg_cli.generators.foreign import NOISE_PREFIX
from unseg_cli.generators.loading import load_generator, save_generator
from unseg_cli.generators.shelf import weights_import
from unseg_cli.generators.sums import record_sum, sha256_of
from unseg_cli.models.build import build_generator
from unseg_cli.models.sam.generator import SamVitGenerator

pytestmark = pytest.mark.usefixtures("places")


@pytest.fixture
def generator() -> SamVitGenerator:
    torch.manual_seed(1)
    return SamVitGenerator(TINY).eval().requires_grad_(False)


@pytest.fixture
def checkpoint(tmp_path: Path, generator: SamVitGenerator) -> Path:
    """SAM's own file."""
    path = tmp_path / "sam.pth"
    torch.save({name: tensor for name, tensor in generator.state_dict().items() if not name.startswith(NOISE_PREFIX)}, path)
    return path


@pytest.fixture
def decoder(tmp_path: Path, generator: SamVitGenerator, checkpoint: Path) -> Path:
    """What a training leaves."""
    save_generator(tmp_path / "decoder.safetensors", generator, {}, sam_sha256=sha256_of(checkpoint))
    return tmp_path / "decoder.safetensors"


def test_it_is_small_and_says_what_it_belongs_to(decoder: Path, checkpoint: Path, generator: SamVitGenerator) -> None:
    assert all(name.startswith(NOISE_PREFIX) for name in load_file(decoder))
    assert is_generator(decoder) and not is_generator(checkpoint)
    assert belongs_to(decoder) == sha256_of(checkpoint) == describe(decoder).sam_checkpoint_sha256
    with torch.device("meta"):
        whole = build_generator("vit_b")
    assert sum(t.numel() for t in load_file(decoder).values()) == sum(p.numel() for p in whole.noise_parameters())


def test_with_its_checkpoint_it_is_the_whole_generator(decoder: Path, checkpoint: Path, generator: SamVitGenerator) -> None:
    loaded = load_generator(str(decoder), sam_checkpoint=checkpoint)
    for name, tensor in generator.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert loaded.source.sam_checkpoint_sha256 == sha256_of(checkpoint)


def test_without_it_the_message_says_which_one_is_needed(decoder: Path, checkpoint: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="holds a noise decoder alone") as caught:
        load_generator(str(decoder))
    assert "--sam-checkpoint" in caught.value.hint and sha256_of(checkpoint)[:12] in caught.value.hint
    with pytest.raises(EnvironmentProblem, match=r"nowhere\.pth: no such file"):
        load_generator(str(decoder), sam_checkpoint=Path("nowhere.pth"))


def test_another_checkpoint_is_refused(decoder: Path, tmp_path: Path) -> None:
    torch.manual_seed(2)
    other = {name: tensor for name, tensor in SamVitGenerator(TINY).state_dict().items() if not name.startswith(NOISE_PREFIX)}
    torch.save(other, tmp_path / "other.pth")
    with pytest.raises(EnvironmentProblem, match=r"is not the SAM checkpoint that .* belongs to"):
        load_generator(str(decoder), sam_checkpoint=tmp_path / "other.pth")


def test_a_fetched_checkpoint_is_found_by_its_hash(decoder: Path, checkpoint: Path) -> None:
    cache_dir().mkdir(parents=True)
    kept = checkpoint.rename(cache_dir() / "sam_vit_b.pth")
    record_sum(kept)
    assert load_generator(str(decoder)).source.sam_checkpoint_sha256 == sha256_of(kept)


def test_it_can_be_imported_under_a_name(decoder: Path, checkpoint: Path) -> None:
    weights_import(decoder, "mine")
    assert all(name.startswith(NOISE_PREFIX) for name in load_file(cache_dir() / "mine.safetensors"))
    assert load_generator("mine", sam_checkpoint=checkpoint).spec == TINY


@pytest.mark.parametrize("name", ["vit_l", "vit_h"])
def test_every_size_of_sam_takes_sams_own_names(name: str) -> None:
    with torch.device("meta"):
        generator = build_generator(name)
    noise = sum(p.numel() for p in generator.noise_parameters())
    bytes_of_metas_file = {"vit_l": 1_249_524_607, "vit_h": 2_564_550_879}[name]
    assert sum(p.numel() for p in generator.parameters()) - noise == pytest.approx(bytes_of_metas_file / 4, rel=2e-4)

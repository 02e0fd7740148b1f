"""`unseg weights`: released files become safetensors that give the same numbers, wrong ones are refused with a reason."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tests.generators.conftest import TINY
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.generators import files as checkpoints
from unseg_cli.generators.files import cache_dir
from unseg_cli.generators.foreign import read_state_dict
from unseg_cli.generators.loading import load_generator, save_generator
from unseg_cli.generators.shelf import weights_import, weights_list, weights_path, weights_verify
from unseg_cli.generators.sums import record_sum, sha256_of
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.sam.generator import SamVitGenerator

pytestmark = pytest.mark.usefixtures("places")


@pytest.fixture(scope="module")
def generator() -> SamVitGenerator:
    torch.manual_seed(0)
    return SamVitGenerator(TINY).eval().requires_grad_(False)


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


#: What is trained or fetched first.
NOT_HERE = {"vit_l", "vit_h", "sam_lite", "sam_vit_b", "sam_vit_l", "sam_vit_h"}
WRAPPERS = {
    "bare": lambda state: state,
    "model": lambda state: {"model": state, "epoch": 27},
    "state_dict": lambda state: {"state_dict": state, "optimizer": {"lr": 1e-4}},
    "module.": lambda state: {f"module.{key}": tensor for key, tensor in state.items()},
    "model and module.": lambda state: {"model": {f"module.{key}": tensor for key, tensor in state.items()}},
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_state_dict_is_found_in_any_wrapper(tmp_path: Path, wrapper: str) -> None:
    state = {"a.weight": torch.arange(3.0), "b.bias": torch.ones(2, 2)}
    found = read_state_dict(saved(tmp_path / "wrapped.pth", WRAPPERS[wrapper](state)))
    assert list(found) == list(state)
    assert all(torch.equal(found[key], tensor) for key, tensor in state.items())


def test_a_released_file_becomes_the_vit_b_generator(tmp_path: Path, generator: SamVitGenerator) -> None:
    file = saved(tmp_path / "Generator_27.pth", WRAPPERS["model and module."](generator.state_dict()))
    report = weights_import(file)
    target = cache_dir() / "vit_b.safetensors"
    assert report.exit_code == 0
    assert report.document["path"] == str(target)
    assert report.document["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    with safe_open(str(target), "pt") as opened:
        assert opened.metadata()["imported_sha256"] == sha256_of(file)
    loaded = load_generator("vit_b")
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    prompt = Prompt(mask=torch.eye(8)[None, None])
    torch.testing.assert_close(loaded(image, prompt), generator(image, prompt), atol=1e-5, rtol=0)
    assert sorted(path.name for path in cache_dir().iterdir()) == ["SHA256SUMS", "vit_b.safetensors"]


def test_the_same_generator_can_have_another_name(tmp_path: Path, generator: SamVitGenerator) -> None:
    save_generator(tmp_path / "mine.safetensors", generator, {})
    weights_import(tmp_path / "mine.safetensors", "my-own")
    assert weights_path("my-own").document["path"] == str(cache_dir() / "my-own.safetensors")
    assert load_generator("my-own").spec == TINY


def test_missing_and_unexpected_tensors_are_counted_and_named(tmp_path: Path, generator: SamVitGenerator) -> None:
    state = dict(generator.state_dict())
    for key in [key for key in state if ".noise_" in key]:
        del state[key]
    state["pixel_mean"] = torch.zeros(3)
    missing = len(generator.state_dict()) - len(state) + 1
    with pytest.raises(EnvironmentProblem, match=rf"sam\.pth: not the vit_b generator: {missing} missing \(mask_decoder\.noise_") as caught:
        weights_import(saved(tmp_path / "sam.pth", state))
    assert "1 unexpected (pixel_mean)" in caught.value.message
    assert caught.value.message.count("mask_decoder.noise_") == 3  # the first few, not all of them
    assert not cache_dir().exists()


def test_another_shape_is_named(tmp_path: Path, generator: SamVitGenerator) -> None:
    state = {**generator.state_dict(), "image_encoder.pos_embed": torch.zeros(1, 4, 4, 24)}
    with pytest.raises(EnvironmentProblem, match=re.escape("image_encoder.pos_embed (1, 4, 4, 24) instead of (1, 2, 2, 24)")):
        weights_import(saved(tmp_path / "other.pth", state))


def test_a_diverged_file_is_refused(tmp_path: Path, generator: SamVitGenerator) -> None:
    state = {key: tensor.clone() for key, tensor in generator.state_dict().items()}
    state["mask_decoder.noise_token.weight"][1, 5] = float("nan")
    with pytest.raises(EnvironmentProblem, match=r"1 not finite \(mask_decoder\.noise_token\.weight\)"):
        weights_import(saved(tmp_path / "nan.pth", state))


class Trap:
    """What a hostile weights file does: runs a command when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.flag,)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    with pytest.raises(EnvironmentProblem, match="holds more than tensors") as caught:
        weights_import(saved(tmp_path / "hostile.pth", {"model": Trap(flag)}))
    assert not flag.exists()
    assert "never run" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [b"", b"not a pickle at all", b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1\n", b"PK\x03\x04cut short", b"<html>404</html>"],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_that_are_no_weights_are_one_line(tmp_path: Path, content: bytes, suffix: str) -> None:
    file = tmp_path / f"file{suffix}"
    file.write_bytes(content)
    with pytest.raises(EnvironmentProblem) as caught:
        weights_import(file)
    assert str(file) in caught.value.message and "out of range" not in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2], {"model": {}}, 7])
def test_files_without_a_state_dict_are_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(EnvironmentProblem, match="state dict"):
        weights_import(saved(tmp_path / "odd.pth", content))


def test_an_absent_file_and_impossible_names_are_refused(tmp_path: Path, places: Path, generator: SamVitGenerator) -> None:
    with pytest.raises(EnvironmentProblem, match="no such file"):
        weights_import(tmp_path / "absent.pth")
    file = saved(tmp_path / "g.pth", generator.state_dict())
    with pytest.raises(UsageProblem, match="cannot name"):
        weights_import(file, "../escape")
    save_generator(places / "lite.safetensors", generator, {})
    with pytest.raises(UsageProblem, match="ships with the package"):
        weights_import(file, "lite")


def test_absent_and_unknown_generators_say_what_to_do() -> None:
    with pytest.raises(EnvironmentProblem) as absent:
        weights_path("vit_b")
    assert absent.value.exit_code == 4
    assert "unseg weights import" in absent.value.hint
    with pytest.raises(UsageProblem) as unknown:
        weights_path("vit_bb")
    assert "vit_b" in unknown.value.hint


def test_the_list_tells_shipped_imported_damaged_and_absent_apart(tmp_path: Path, places: Path, generator: SamVitGenerator) -> None:
    def statuses() -> dict[str, str]:
        rows = weights_list(Events()).document["weights"]
        return {row["name"]: row["status"] for row in rows if not (row["name"] in NOT_HERE and row["status"] == "absent" and row["hint"])}

    assert statuses() == {"lite": "absent", "vit_b": "absent", "u2netp": "absent"}
    save_generator(places / "lite.safetensors", generator, {})
    weights_import(saved(tmp_path / "g.pth", generator.state_dict()))
    (cache_dir() / "broken.safetensors").write_bytes(b"xx")
    assert statuses() == {"lite": "shipped", "vit_b": "imported", "broken": "damaged", "u2netp": "absent"}
    rows = {row["name"]: row for row in weights_list(Events()).document["weights"]}
    assert rows["vit_b"]["bytes"] == (cache_dir() / "vit_b.safetensors").stat().st_size
    assert rows["vit_b"]["image_size"] == TINY.image_size


def test_a_finder_is_listed_and_verified_and_is_no_generator(tmp_path: Path, places: Path, generator: SamVitGenerator) -> None:
    with pytest.raises(EnvironmentProblem, match="not on this machine"):
        weights_path("u2netp")
    (places / "u2netp.safetensors").write_bytes(b"some network")
    record_sum(places / "u2netp.safetensors")
    rows = {row["name"]: row for row in weights_list(Events()).document["weights"]}
    assert (rows["u2netp"]["use"], rows["u2netp"]["status"], rows["u2netp"]["image_size"]) == ("finder", "shipped", 320)
    assert rows["vit_b"]["use"] == "generator"
    assert weights_path("u2netp").document["path"] == str(places / "u2netp.safetensors")
    assert weights_verify().exit_code == 0
    (places / "u2netp.safetensors").write_bytes(b"another network")
    assert weights_verify().exit_code == 4
    with pytest.raises(UsageProblem, match="no generator and no file is called 'u2netp'"):
        load_generator("u2netp")
    with pytest.raises(UsageProblem, match="is a folder, not a generator") as caught:
        load_generator(str(tmp_path))
    assert f"{tmp_path / 'generator.safetensors'}" in caught.value.hint
    with pytest.raises(UsageProblem, match="ships with the package"):
        weights_import(saved(tmp_path / "g.pth", generator.state_dict()), "u2netp")


def test_verify_notices_one_changed_byte(places: Path, generator: SamVitGenerator) -> None:
    file = places / "lite.safetensors"
    save_generator(file, generator, {})
    assert weights_verify().exit_code == 4  # there, but nobody recorded what it should be
    digest = record_sum(file)
    assert (places / "SHA256SUMS").read_text(encoding="utf-8") == f"{digest}  lite.safetensors\n"
    good = weights_verify()
    assert good.exit_code == 0
    assert good.document["ok"] is True
    assert [row["status"] for row in good.document["files"]] == ["ok"]

    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    bad = weights_verify()
    assert bad.exit_code == 4
    assert bad.document["files"][0]["status"] == "mismatch"
    file.unlink()
    assert weights_verify().document["files"][0]["status"] == "missing"


def test_verify_covers_imported_files_and_needs_at_least_one(tmp_path: Path, generator: SamVitGenerator) -> None:
    assert weights_verify().exit_code == 4
    weights_import(saved(tmp_path / "g.pth", generator.state_dict()))
    assert weights_verify().exit_code == 0
    (cache_dir() / "vit_b.safetensors").write_bytes(b"cut")
    assert weights_verify().exit_code == 4


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_dir() == tmp_path / "home"
    monkeypatch.delenv("UNSEG_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "unseg"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(checkpoints.Path, "home", lambda: tmp_path)
    assert cache_dir() == tmp_path / ".cache" / "unseg"

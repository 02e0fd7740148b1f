"""Weights whose hash is not the recorded one are not used, by whatever name or path they are asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.generators.conftest import TINY
from unseg_cli.cli.app import main
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.generators import files
from unseg_cli.generators.files import cache_dir
from unseg_cli.generators.loading import load_generator, save_generator
from unseg_cli.generators.sums import intact_sha256, read_sums, record_sum, sha256_of
from unseg_cli.models.build import build_generator


def flip_last_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def put(file: Path) -> Path:
    torch.manual_seed(0)
    save_generator(file, build_generator(TINY), {})
    return file


@pytest.mark.parametrize("where", ["shipped", "imported", "path"])
def test_one_changed_byte_is_refused(where: str, places: Path, tmp_path: Path) -> None:
    file, asked = {
        "shipped": (places / "lite.safetensors", "lite"),
        "imported": (cache_dir() / "own.safetensors", "own"),
        "path": (tmp_path / "run" / "g.safetensors", str(tmp_path / "run" / "g.safetensors")),
    }[where]
    record_sum(put(file))
    assert load_generator(asked).source.sha256 == sha256_of(file) == read_sums(file.parent)[file.name]
    flip_last_byte(file)
    with pytest.raises(EnvironmentProblem, match="damaged or was changed") as caught:
        load_generator(asked)
    assert str(file) in caught.value.message
    assert "weights verify" in caught.value.hint


def test_a_file_that_nobody_listed_is_taken_as_it_is(tmp_path: Path, places: Path) -> None:
    file = put(tmp_path / "run" / "g.safetensors")
    other = put(tmp_path / "run" / "other.safetensors")
    record_sum(other)
    flip_last_byte(file)
    assert load_generator(str(file)).source.sha256 == sha256_of(file)


def test_a_file_is_hashed_once(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_sum(put(places / "lite.safetensors"))
    hashed = []
    monkeypatch.setattr("unseg_cli.generators.sums.sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    load_generator("lite")
    assert hashed == [places / "lite.safetensors"]


@pytest.mark.parametrize(
    "line",
    [
        ["protect", "{here}/in", "{here}/out"],
        ["train", "--data", "synthetic", "--preset", "tiny", "--out", "{here}/run"],  # SAM's parts come from the shipped weights
        ["train", "--data", "synthetic", "--preset", "tiny", "--init", "lite", "--out", "{here}/run"],
        ["bench", "--data", "synthetic", "--victim", "unet", "--epochs", "1", "--out", "{here}/run"],
    ],
    ids=["protect", "train", "train --init", "bench"],
)
def test_commands_refuse_it_before_they_write_anything(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for name in ("lite.safetensors", "SHA256SUMS"):
        (shipped / name).write_bytes((files.shipped_weights_dir() / name).read_bytes())
    flip_last_byte(shipped / "lite.safetensors")
    monkeypatch.setattr(files, "shipped_weights_dir", lambda: shipped)
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "in" / "a.png")
    assert main([word.format(here=tmp_path) for word in line]) == 4
    assert "damaged or was changed" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
    assert not list((tmp_path / "out").rglob("*.png"))


def test_sums_are_those_of_sha256sum_and_keep_other_lines(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"a")
    (tmp_path / "SHA256SUMS").write_text(f"# a comment\n{'0' * 64} *README.md\n", encoding="utf-8")
    record_sum(tmp_path / "a.safetensors")
    assert read_sums(tmp_path) == {"README.md": "0" * 64, "a.safetensors": hashlib.sha256(b"a").hexdigest()}
    assert intact_sha256(tmp_path / "a.safetensors") == hashlib.sha256(b"a").hexdigest()

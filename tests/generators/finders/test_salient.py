"""U2-Net-p with the shipped weights: the numbers of the file they came from, and no changed byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.generators.drawn_noise import picture
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.generators import files
from unseg_cli.generators.finders.salient import SalientObjects
from unseg_cli.generators.sums import read_sums, record_sum

REFERENCE = Path(__file__).parent.parent / "reference" / "u2netp.npz"


def test_the_probabilities_are_those_of_the_published_file() -> None:
    """The reference is what onnxruntime made of the ONNX file, on average over 8 x 8 pixels of 320 x 320."""
    probability = SalientObjects().probability(picture()[0])
    assert probability.shape == (1, 160, 160)
    with np.load(REFERENCE) as reference:
        published = reference["probability"].astype(np.float32)
    ours = probability[0].reshape(40, 4, 40, 4).mean((1, 3))
    assert published.max() - published.min() > 0.8
    difference = np.abs(ours - published)  # of float16, and of where it is enlarged
    assert difference.mean() < 0.01 and difference.max() < 0.15


def test_the_shipped_file_is_listed() -> None:
    path = files.finder_file("u2netp")
    assert read_sums(path.parent)[path.name] == SalientObjects().sha256


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(files.finder_file("u2netp").read_bytes())
    monkeypatch.setattr(files, "shipped_weights_dir", lambda: tmp_path)
    with pytest.raises(EnvironmentProblem, match="not on this machine") as absent:
        SalientObjects()
    assert "reinstall" in absent.value.hint
    (tmp_path / "u2netp.safetensors").write_bytes(content)
    record_sum(tmp_path / "u2netp.safetensors")
    content[-1] ^= 1
    (tmp_path / "u2netp.safetensors").write_bytes(content)
    with pytest.raises(EnvironmentProblem, match="damaged or was changed"):
        SalientObjects()
    (tmp_path / "u2netp.safetensors").write_bytes(b"no tensors")
    record_sum(tmp_path / "u2netp.safetensors")
    with pytest.raises(EnvironmentProblem, match="does not hold u2netp"):
        SalientObjects().probability(picture()[0])

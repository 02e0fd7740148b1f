"""The shipped generator is the same one in ONNX Runtime and in PyTorch, and the first needs nothing of the second."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.generators.drawn_noise import picture
from unseg_cli.core import device as device_module
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.generators.files import shipped_weights_dir, weights_file
from unseg_cli.generators.frame import to_frame
from unseg_cli.generators.loading import load_generator
from unseg_cli.generators.runtimes import choose, on_onnx
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.runtimes.integers import multiplies_integers
from unseg_cli.generators.runtimes.on_onnx import OnnxRuntime
from unseg_cli.generators.runtimes.on_torch import TorchRuntime
from unseg_cli.generators.session import Session
from unseg_cli.models.prompt import Prompt
from unseg_cli.noise.arithmetic import sigmoid


@pytest.fixture(scope="module")
def onnx() -> OnnxRuntime:
    return OnnxRuntime(weights_file("lite"))


@pytest.fixture(scope="module")
def in_torch() -> TorchRuntime:
    return TorchRuntime(load_generator("lite"))


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).random((3, 3, 256, 256), np.float32)


def test_both_are_the_same_generator(onnx: OnnxRuntime, in_torch: TorchRuntime) -> None:
    assert onnx.source == in_torch.source and onnx.spec == in_torch.spec
    ours, theirs = onnx.tiles(), in_torch.tiles()
    assert theirs is not None and (ours.pitch, ours.cell) == (theirs.pitch, theirs.cell)
    for name in ("inside", "outside", "inside_grey", "outside_grey"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-6)


@pytest.fixture(params=[0.02, 1e-4], ids=["8 bits", "float"])
def off(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """How far probabilities may be off; sets whether networks are run in 8 bits."""
    fast = request.param > 0.01
    if fast and not multiplies_integers():
        pytest.skip("this processor has no instructions for it")
    monkeypatch.setattr(on_onnx, "multiplies_integers", lambda: fast)
    return float(request.param)


def test_both_detect_the_same(in_torch: TorchRuntime, off: float) -> None:
    onnx = OnnxRuntime(weights_file("lite"))
    frames = to_frame(picture()[0], onnx.spec.image_size)[None]
    ours, theirs = onnx.detect(onnx.embed(frames)), in_torch.detect(in_torch.embed(frames))
    assert theirs is not None and ours.shape == theirs.shape
    assert np.abs(sigmoid(ours) - sigmoid(theirs)).mean() < off and ((ours > 0) != (theirs > 0)).mean() < off


def test_the_second_opinion_is_the_same(onnx: OnnxRuntime, in_torch: TorchRuntime, off: float) -> None:
    ours, theirs = onnx.second_opinion(), in_torch.second_opinion()
    assert ours.sha256 == theirs.sha256
    image, _ = picture()
    one, other = ours.probability(image), theirs.probability(image)
    assert one.shape == other.shape and np.abs(one - other).mean() < off and ((one > 0.5) != (other > 0.5)).mean() < off


def test_what_is_pointed_at_is_found_by_pytorch(onnx: OnnxRuntime, in_torch: TorchRuntime, frames: np.ndarray) -> None:
    prompt = Prompt(points=torch.full((3, 1, 2), 90.0))
    ours, theirs = (runtime.segment(runtime.embed(frames), prompt) for runtime in (onnx, in_torch))
    assert np.array_equal(ours, theirs)
    masks = frames[:, :1]
    assert np.array_equal(*(runtime.draw(runtime.embed(frames), masks) for runtime in (onnx, in_torch)))


def test_pictures_come_out_the_same(onnx: OnnxRuntime, in_torch: TorchRuntime) -> None:
    image, disc = picture()
    ours, theirs = (Session(runtime).noise([image] * 2, [disc, None], budget=NoiseBudget()) for runtime in (onnx, in_torch))
    for one, other in zip(ours, theirs, strict=True):
        assert (one.mask != other.mask).mean() < 0.005 and one.mask_source == other.mask_source
        levels = [np.rint(8 * made.field.rows(slice(None))) for made in (one, other)]
        assert (levels[0] != levels[1])[one.mask & other.mask].mean() < 0.001


def test_protecting_imports_no_torch(tmp_path: Path) -> None:
    """It takes seconds, and half a gigabyte of memory."""
    examples = Path(__file__).resolve().parents[3] / "examples" / "photos"
    code = (
        "import sys\nfrom unseg_cli.cli.app import run\n"
        f"sys.argv = ['unseg', 'protect', {str(examples)!r}, {str(tmp_path / 'out')!r}, '--limit', '1', '--device', 'cpu']\n"
        "try:\n    run()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'timm', 'torchvision', 'segment_anything', 'skimage', 'scipy'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.*"))) == 2


def test_who_runs_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_runtime("lite", device="cpu"), OnnxRuntime)
    monkeypatch.setattr(choose, "accelerator_here", lambda: True)
    monkeypatch.setattr(choose, "pick_device", lambda text: torch.device("cpu"))
    assert isinstance(open_runtime("lite", device="auto"), OnnxRuntime)  # it turned out to be none that PyTorch can use
    monkeypatch.setattr(choose, "_on_processor", lambda device: False)
    assert isinstance(open_runtime("lite", device="auto"), TorchRuntime)
    monkeypatch.undo()
    monkeypatch.setattr(choose, "accelerator_here", lambda: False)
    assert isinstance(open_runtime("lite", device="auto"), OnnxRuntime)
    mine = tmp_path / "mine.safetensors"
    shutil.copy(weights_file("lite"), mine)
    assert isinstance(open_runtime(str(mine), device="cpu"), TorchRuntime)  # nobody exported a graph for it
    monkeypatch.setattr(choose, "can_run", lambda weights: False)
    assert isinstance(open_runtime("lite", device="cpu"), TorchRuntime)
    for wrong in ("gpu", "cuda:x", "cpu:0", "cuda:"):
        with pytest.raises(UsageProblem, match="is not a device"):
            open_runtime("lite", device=wrong)


def test_a_driver_s_device_file_is_an_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module.sys, "platform", "linux")
    monkeypatch.setattr(device_module.shutil, "which", lambda name: None)
    monkeypatch.setattr(device_module, "DEVICE_FILES", (str(tmp_path / "gpu"),))
    assert not device_module.accelerator_here()
    (tmp_path / "gpu").touch()
    assert device_module.accelerator_here()


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped weights that a test may spoil."""
    folder = tmp_path / "weights"
    shutil.copytree(shipped_weights_dir(), folder)
    for module in ("files", "runtimes.choose"):
        monkeypatch.setattr(f"unseg_cli.generators.{module}.shipped_weights_dir", lambda: folder)
    monkeypatch.setenv("UNSEG_HOME", str(tmp_path / "home"))
    return folder


@pytest.mark.parametrize(
    "name", ["lite.onnx", "lite-int8.onnx", "u2netp.onnx", "u2netp-int8.onnx", "lite.safetensors", "u2netp.safetensors"]
)
def test_changed_files_are_refused(copied: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_onnx, "multiplies_integers", lambda: "int8" in name)
    data = bytearray((copied / name).read_bytes())
    data[-1] ^= 1
    (copied / name).write_bytes(data)
    with pytest.raises(EnvironmentProblem, match="was changed"):
        Session(open_runtime("lite", device="cpu"))


def test_a_graph_that_does_not_fit_its_weights_is_one_clear_line(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_onnx, "multiplies_integers", lambda: False)
    (copied / "lite.onnx").write_bytes(b"no graph")
    (copied / "SHA256SUMS").unlink()
    session = Session(open_runtime("lite", device="cpu"))
    with pytest.raises(EnvironmentProblem, match=r"lite.onnx cannot be loaded"):
        session.noise([picture()[0]], [None], budget=NoiseBudget())


def test_without_its_graph_the_generator_runs_in_pytorch(copied: Path) -> None:
    (copied / "lite.onnx").unlink()
    assert isinstance(open_runtime("lite", device="cpu"), TorchRuntime)

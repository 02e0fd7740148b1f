"""Each option of `unseg train` changes what a run does. One test an option, of its name; every run is real, of a few steps at 64 px."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.cli.effects.conftest import SMALL_VIT, Passes, lines_of, run, scene, untested
from unseg_cli.generators.files import read_spec
from unseg_cli.models.build import build_generator
from unseg_cli.models.specs import SPECS
from unseg_cli.train import loop, setup
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.steps import turns as step

#: Only the bilevel stage: two steps of the surrogate, two of the noise.
BILEVEL = ("--object-epochs", "0", "--focus-epochs", "0", "--max-steps", "4")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SAM's two parts with random weights."""
    torch.manual_seed(0)
    state = build_generator("lite").state_dict()
    path = tmp_path_factory.mktemp("parts") / "parts.safetensors"
    save_file({k: v.contiguous() for k, v in state.items() if k.startswith(("prompt_", "mask_"))}, str(path))
    return path


class Runs:
    """Runs of `train`, each into a folder of its own."""

    def __init__(self, where: Path, parts: Path) -> None:
        self.where, self.parts, self.count = where, parts, 0

    def __call__(self, *options: object, code: int = 0, out: Path | None = None, data: object = "synthetic", preset: str = "tiny") -> Path:
        self.count += 1
        out = out or self.where / f"run{self.count}"
        given = () if "--sam-parts" in options or "--init" in options else ("--sam-parts", self.parts)
        run("train", "--data", data, "--out", out, "--preset", preset, *given, *options, code=code)
        return out


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves and samples take longer than the steps, and no option changes how they are drawn."""
    monkeypatch.setattr(loop, "draw_curves", lambda *_: None)
    monkeypatch.setattr(loop, "draw_samples", lambda *_: None)


@pytest.fixture
def train(tmp_path: Path, parts: Path) -> Runs:
    return Runs(tmp_path, parts)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, parts: Path) -> Path:
    """A run of the bilevel stage. For reading alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "draw_curves", lambda *_: None)
        patch.setattr(loop, "draw_samples", lambda *_: None)
        return Runs(tmp_path_factory.mktemp("plain"), parts)(*BILEVEL)


def turns(out: Path) -> list[str]:
    return [line["turn"] for line in lines_of(out / "metrics.jsonl")]


def losses(out: Path, turn: str = "") -> list[float]:
    return [line["loss"] for line in lines_of(out / "metrics.jsonl") if turn in line["turn"]]


def test_every_option_has_a_test() -> None:
    assert untested(TrainConfig, globals()) == set()


def test_without_other_options(plain: Path, train: Runs) -> None:
    assert turns(plain) == ["surrogate", "surrogate", "noise", "noise"]
    assert losses(train(*BILEVEL)) == losses(plain)


def test_data(plain: Path, train: Runs) -> None:
    for index in range(8):
        for kind in ("images", "masks"):
            (train.where / "set" / kind).mkdir(parents=True, exist_ok=True)
        picture = scene(index, 64, 64)
        Image.fromarray(picture).save(train.where / "set" / "images" / f"{index}.png")
        Image.fromarray((picture[..., 0] > 130).astype("uint8") * 255).save(train.where / "set" / "masks" / f"{index}.png")
    assert losses(train(*BILEVEL, data=train.where / "set"))[0] != losses(plain)[0]


def test_out(train: Runs) -> None:
    assert (train(*BILEVEL, "--max-steps", "1", out=train.where / "here") / "generator.safetensors").is_file()
    assert [path.name for path in train.where.iterdir()] == ["here"]


def test_preset(train: Runs, small_lite: Path) -> None:
    assert turns(train("--init", small_lite, "--image-size", "64", "--max-steps", "1", "--batch-size", "2", preset="adapt")) == ["focus"]


def test_epochs(train: Runs) -> None:
    assert turns(train("--object-epochs", "0", "--focus-epochs", "1", "--max-steps", "1", "--epochs", "0")) == ["focus"]


def test_object_epochs(train: Runs) -> None:
    assert turns(train("--object-epochs", "1", "--focus-epochs", "0", "--max-steps", "1")) == ["objects", "surrogate"]


def test_focus_epochs(train: Runs) -> None:
    assert turns(train("--object-epochs", "0", "--focus-epochs", "1", "--max-steps", "1")) == ["focus", "surrogate"]


def test_max_steps(train: Runs) -> None:
    assert len(turns(train(*BILEVEL, "--max-steps", "3"))) == 3


def test_max_minutes(train: Runs) -> None:
    out = train(*BILEVEL, "--max-minutes", "0")
    assert len(turns(out)) == 1
    assert not (out / "generator.safetensors").exists()


def test_image_size(plain: Path, train: Runs) -> None:
    out = train(*BILEVEL, "--max-steps", "1", "--image-size", "96")
    assert [read_spec(run / "generator.safetensors").image_size for run in (plain, out)] == [64, 96]


def test_batch_size(train: Runs, passes: Passes) -> None:
    train(*BILEVEL, "--max-steps", "1", "--batch-size", "3")
    assert set(passes.sizes) == {3}


def test_lr(plain: Path, train: Runs) -> None:
    faster = losses(train(*BILEVEL, "--lr", "0.01"))
    assert faster[0] == losses(plain)[0]
    assert faster[1:] != losses(plain)[1:]


def test_train_epsilon(plain: Path, train: Runs) -> None:
    assert losses(train(*BILEVEL, "--train-epsilon", "16/255"))[0] != losses(plain)[0]


def test_label_modification(plain: Path, train: Runs) -> None:
    out = train(*BILEVEL, "--label-modification")
    assert losses(out, "surrogate") == losses(plain, "surrogate")
    assert losses(out, "noise")[0] != losses(plain, "noise")[0]


def test_surrogate_every(train: Runs) -> None:
    made = {every: turns(train(*BILEVEL, "--max-steps", "5", "--batch-size", "1", "--surrogate-every", every)) for every in (2, 3)}
    assert (made[2][4], made[3][4]) == ("surrogate", "noise")


def test_init(plain: Path, train: Runs, small_lite: Path) -> None:
    assert losses(train(*BILEVEL, "--max-steps", "1", "--init", small_lite))[0] != losses(plain)[0]


def test_sam_parts(train: Runs, parts: Path) -> None:
    other = train.where / "other.safetensors"
    torch.manual_seed(1)
    save_file({name: torch.randn_like(tensor) / 10 for name, tensor in load_file(str(parts)).items()}, str(other))
    objects = ("--object-epochs", "1", "--focus-epochs", "0", "--epochs", "0", "--max-steps", "1")
    assert losses(train(*objects, "--sam-parts", other))[0] != losses(train(*objects, "--sam-parts", parts))[0]


def test_surrogate_weights(train: Runs, parts: Path) -> None:
    """MAE's weights are for the paper's surrogate; tests/train/test_loop.py trains one from them."""
    scratch = train(*BILEVEL, "--max-steps", "1", "--surrogate-weights", "random")
    assert losses(scratch)[0] != losses(train(*BILEVEL, "--max-steps", "1"))[0]
    out = train(*BILEVEL, "--max-steps", "1", "--surrogate-weights", parts, code=2)
    assert not (out / "metrics.jsonl").exists()


def test_generator(train: Runs, small_lite: Path) -> None:
    out = train(*BILEVEL, "--max-steps", "1", "--generator", "sam_lite", "--init", small_lite)
    assert read_spec(out / "generator.safetensors").kind == "sam_lite"


def test_prompt_kinds(train: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    prompt_of = step.prompt_of
    monkeypatch.setattr(step, "prompt_of", lambda kinds, *more: seen.append(kinds) or prompt_of(kinds, *more))
    train(*BILEVEL, "--prompt-kinds", "mask,box", "--surrogate-every", "4")
    told = seen[::2]  # the surrogate's come after the generator's
    assert told and all(kinds <= {"box", "mask"} for kinds in told)
    train(*BILEVEL, "--prompt-kinds", "boxes", code=2)


def test_sam_checkpoint(train: Runs, small_vit: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPECS, "vit_b", SMALL_VIT)
    paper = (*BILEVEL, "--generator", "vit_b", "--batch-size", "1", "--max-steps", "2", "--image-size", "32")
    first = train(*paper, "--init", small_vit[1]) / "generator.safetensors"
    train(*paper, "--init", first, code=4)
    assert (train(*paper, "--init", first, "--sam-checkpoint", small_vit[1]) / "generator.safetensors").exists()


def test_accumulate(plain: Path, train: Runs, passes: Passes) -> None:
    out = train(*BILEVEL, "--max-steps", "1", "--accumulate", "4")
    assert set(passes.sizes) == {1}
    assert losses(out) == pytest.approx(losses(plain)[:1], abs=1e-4)


def test_recompute(plain: Path, train: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(setup, "recompute", lambda _network, wanted: seen.append(wanted))
    train(*BILEVEL, "--max-steps", "1", "--recompute")
    assert seen == [True, True]


def test_dry_run(train: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert not train(*BILEVEL, "--dry-run").exists()
    said = capsys.readouterr().out
    assert "surrogate 2, noise 2" in said and "memory gb" in said


def test_amp_type(train: Runs) -> None:
    """fp16 is for GPUs; without --amp it changes nothing."""
    assert not train(*BILEVEL, "--max-steps", "1", "--amp", "--amp-type", "fp16", "--device", "cpu", code=2).exists()
    assert losses(train(*BILEVEL, "--max-steps", "1", "--amp-type", "fp16"))


def test_amp(plain: Path, train: Runs) -> None:
    first, exact = losses(train(*BILEVEL, "--amp", "--max-steps", "1"))[0], losses(plain)[0]
    assert first != exact
    assert abs(first - exact) < 0.2 * exact


def test_resume(train: Runs) -> None:
    out = train(*BILEVEL, "--max-minutes", "0")
    train(*BILEVEL, out=out, code=2)
    assert len(turns(out)) == 1
    train(*BILEVEL, "--resume", out=out)
    assert turns(out) == ["surrogate", "surrogate", "noise", "noise"]


def test_workers(plain: Path, train: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = torch.utils.data.DataLoader.__init__

    def init(loader: Any, *arguments: Any, num_workers: int = 0, **more: Any) -> None:
        seen.append(num_workers)
        original(loader, *arguments, num_workers=num_workers, **more)

    monkeypatch.setattr(torch.utils.data.DataLoader, "__init__", init)
    assert losses(train(*BILEVEL, "--workers", "1"))[:1] == losses(plain)[:1]
    assert seen[0] == 1


def test_device(train: Runs) -> None:
    assert not train(*BILEVEL, "--device", "cuda:99", code=4).exists()


def test_seed(plain: Path, train: Runs) -> None:
    assert losses(train(*BILEVEL, "--max-steps", "1", "--seed", "1"))[0] != losses(plain)[0]

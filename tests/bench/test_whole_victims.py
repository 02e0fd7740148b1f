"""Victims at their full size: ResNet-50 and SAM's own encoder instead of EfficientNet-Lite0."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor
from torch.optim import AdamW
from torchvision.ops.misc import FrozenBatchNorm2d

from tests.bench.test_victims import CLASSES, batch
from unseg_cli.bench.fit import in_precision
from unseg_cli.bench.victims import rcnn, rsprompter
from unseg_cli.bench.victims.base import Victim, VictimSpec
from unseg_cli.bench.victims.encoders import USUAL
from unseg_cli.bench.victims.registry import VICTIMS, find_victim, schedule_for
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.generators.mae import on_grid
from unseg_cli.models.specs import SPECS
from unseg_cli.models.surrogate import vit_surrogate

#: With the side of square pictures of which there are as many places as D-FINE has queries.
WHOLE = {
    ("mask2former+resnet50", "semantic"): 64,
    ("mask2former+resnet50", "panoptic"): 64,
    ("maskrcnn+resnet50", "instance"): 64,
    ("fasterrcnn+resnet50", "detection"): 64,
    ("dfine+resnet50", "detection"): 160,
    ("sam+vit_b", "interactive"): 64,
    ("sam-hq+vit_b", "interactive"): 64,
    ("rsprompter+vit_b", "instance"): 64,
}
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _shallow_sam(monkeypatch: pytest.MonkeyPatch) -> None:
    """SAM's encoder as wide as it is, with two of its twelve blocks."""
    monkeypatch.setitem(SPECS, "vit_b", replace(SPECS["vit_b"], vit_depth=2, vit_global_blocks=(1,)))


@pytest.fixture(autouse=True)
def _few_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detectors as wide as they are, but their heads look at dozens of regions and not at thousands, which take minutes."""
    stages = [f"rpn_{which}_nms_top_n_{when}" for which in ("pre", "post") for when in ("train", "test")]
    options = dict.fromkeys(stages, 40) | {"rpn_batch_size_per_image": 40, "box_batch_size_per_image": 16}
    for module in (rcnn, rsprompter):
        monkeypatch.setattr(module, "WHOLE", replace(rcnn.WHOLE, options=options))
    monkeypatch.setattr(rcnn, "MOST", 10)
    monkeypatch.setattr(rsprompter, "MOST", 10)


def build(name: str, task: str, side: int = 64, *, pretrained: bool = False, weights: Path | None = None) -> Victim:
    torch.manual_seed(0)
    things = () if task == "semantic" else (1, 2)
    spec = VictimSpec(task=task, classes=CLASSES[task], pretrained=pretrained, side=side, things=things, encoder_weights=weights)
    return find_victim(name).build(spec)


@pytest.mark.parametrize(("name", "task"), WHOLE)
def test_it_learns_and_answers_in_full_and_in_half_precision(name: str, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    side = WHOLE[name, task]
    monkeypatch.setattr("tests.bench.test_victims.SIDE", side)
    victim, seen = build(name, task, side).train(), batch(task, 2)
    optimizer, course = AdamW(victim.parameters(), lr=1e-4), []
    for step in range(4):
        torch.manual_seed(7)  # the same boxes, points and objects are drawn each time
        with in_precision(CPU, amp=step == 3):
            loss = torch.stack([*victim(seen).values()]).sum()
        course.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            still = [n for n, p in victim.named_parameters() if p.requires_grad and (p.grad is None or not torch.isfinite(p.grad).all())]
            assert still == []
        torch.nn.utils.clip_grad_norm_(victim.parameters(), 5.0)
        optimizer.step()
    assert course[2] < course[0] and course[3] == pytest.approx(course[2], rel=0.5)
    victim.eval()
    for amp in (False, True):
        with torch.no_grad(), in_precision(CPU, amp=amp):
            found = victim.predict(seen)
        assert [one.labels.shape for one in found] == [(side, side)] * 2
        assert all(set(one.labels.unique().tolist()) <= set(range(len(CLASSES[task]))) for one in found)
    assert victim.normalisation == USUAL


@pytest.mark.parametrize(
    ("name", "task", "millions"),
    # As published, but for the classes: Mask2Former on R50 44 M, Mask R-CNN 44.4 M, Faster R-CNN 41.8 M with 91 of them.
    [("mask2former+resnet50", "instance", 44), ("maskrcnn+resnet50", "instance", 44), ("fasterrcnn+resnet50", "detection", 41.3)],
)
def test_it_is_as_large_as_its_authors_have_it(name: str, task: str, millions: float) -> None:
    count = sum(parameter.numel() for parameter in build(name, task).parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.01)
    assert count > 5 * sum(parameter.numel() for parameter in build(name.split("+")[0], task).parameters())


def test_schedules_are_of_the_size() -> None:
    assert schedule_for(find_victim("mask2former+resnet50"), "instance").image_size == 1024
    assert schedule_for(find_victim("mask2former"), "instance") == VICTIMS["mask2former"].schedules["instance"]
    assert schedule_for(find_victim("unet+resnet50"), "binary") == VICTIMS["unet"].schedules["binary"]
    for entry in VICTIMS.values():
        assert not entry.whole_schedules or set(entry.whole_schedules) == set(entry.schedules)


def test_a_small_victim_can_be_called_so() -> None:
    entry = find_victim("mask2former-lite0")
    assert entry.name == "mask2former-lite0" and entry.schedules == VICTIMS["mask2former"].schedules
    assert find_victim("mask2former-lite0+lite0").encoders == VICTIMS["mask2former"].encoders
    with pytest.raises(UsageProblem, match="mask2former-lite0 cannot be built on 'resnet50'"):
        find_victim("mask2former-lite0+resnet50")
    with pytest.raises(UsageProblem, match="'mask3former-lite0' is not known"):
        find_victim("mask3former-lite0")


@pytest.mark.parametrize(
    ("name", "task"), [("mask2former+resnet50", "instance"), ("maskrcnn+resnet50", "instance"), ("dfine+resnet50", "detection")]
)
def test_a_resnet_s_weights_come_from_a_file_and_its_batch_norm_is_frozen(name: str, task: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    given = timm.create_model("resnet50").state_dict()
    torch.save(given, tmp_path / "resnet50.pth")
    victim = build(name, task, pretrained=True, weights=tmp_path / "resnet50.pth")
    encoder = next(module for module in victim.modules() if hasattr(module, "layer4"))
    assert all(torch.equal(tensor, given[key]) for key, tensor in encoder.state_dict().items())
    assert isinstance(encoder.bn1, FrozenBatchNorm2d)
    torch.save({key: tensor for key, tensor in given.items() if key != "conv1.weight"}, tmp_path / "less.pth")
    with pytest.raises(UsageProblem, match=r"1 of \d+ tensors are not in it, first conv1.weight"):
        build(name, task, pretrained=True, weights=tmp_path / "less.pth")


def test_weights_that_the_hub_does_not_give_are_asked_for_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def unreachable(name: str, pretrained: bool = False, **options: Any) -> Any:
        if pretrained:
            raise OSError("the hub cannot be reached\nand more")
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(EnvironmentProblem, match="the ImageNet weights of resnet50 cannot be fetched") as caught:
        build("mask2former+resnet50", "instance", pretrained=True)
    assert "\n" not in caught.value.message and "--encoder-weights FILE" in caught.value.hint


def checkpoint(path: Path, side: int) -> dict[str, Tensor]:
    """A file like SAM's, for pictures of `side` pixels."""
    torch.manual_seed(5)
    state = {name: torch.rand_like(tensor) if tensor.is_floating_point() else tensor for name, tensor in sam(side).items()}
    torch.save(state, path)
    return state


def sam(side: int) -> dict[str, Tensor]:
    return vit_surrogate(SPECS["vit_b"], side).state_dict()


@pytest.mark.parametrize(
    ("name", "task"), [("sam+vit_b", "interactive"), ("sam-hq+vit_b", "interactive"), ("rsprompter+vit_b", "instance")]
)
def test_sam_s_own_weights_are_fitted_to_the_size_of_the_pictures(name: str, task: str, tmp_path: Path) -> None:
    given = checkpoint(tmp_path / "sam.pth", 128)
    victim = build(name, task, 64, pretrained=True, weights=tmp_path / "sam.pth")
    own = {key.removeprefix("network.").removeprefix("segmenter."): tensor for key, tensor in victim.state_dict().items()}
    resized = {key for key, tensor in given.items() if own[key].shape != tensor.shape}
    assert resized == {"image_encoder.pos_embed", *(f"image_encoder.blocks.1.attn.rel_pos_{axis}" for axis in "hw")}
    assert all(torch.equal(own[key], tensor) for key, tensor in given.items() if key not in resized)
    assert torch.equal(own["image_encoder.pos_embed"], on_grid(given["image_encoder.pos_embed"], (4, 4)))
    row = own["image_encoder.blocks.1.attn.rel_pos_h"]
    assert row.shape[0] == 7 and row[3].allclose(given["image_encoder.blocks.1.attn.rel_pos_h"][7])  # no distance stays no distance
    learns = [key for key, parameter in victim.named_parameters() if parameter.requires_grad]
    if name.startswith("sam-hq"):
        assert all(".hq_" in key for key in learns)
    else:
        assert any("image_encoder" in key for key in learns) == name.startswith("sam+")
        assert any("mask_decoder" in key for key in learns)


def test_sam_s_weights_are_whole_or_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = checkpoint(tmp_path / "sam.pth", 64)
    del given["mask_decoder.iou_token.weight"]
    torch.save(given, tmp_path / "sam.pth")
    with pytest.raises(EnvironmentProblem, match=r"1 missing \(mask_decoder.iou_token.weight\)"):
        build("sam-hq+vit_b", "interactive", pretrained=True, weights=tmp_path / "sam.pth")
    monkeypatch.setenv("UNSEG_HOME", str(tmp_path / "nothing"))
    with pytest.raises(EnvironmentProblem, match="sam_vit_b") as caught:
        build("sam+vit_b", "interactive", pretrained=True)
    assert "unseg weights fetch sam_vit_b" in caught.value.hint

"""One battery for every victim."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from unseg_cli.bench.victims import registry
from unseg_cli.bench.victims.base import Victim
from unseg_cli.bench.victims.registry import VICTIMS, find_victim, list_victims, schedule_for
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem

SIDE = 64
#: A rate at which a few dozen steps on one batch are enough.
OVERFIT_LR = {name: 1e-3 if name == "mask2former" else 3e-3 for name in VICTIMS}


def batch(classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Four pictures of vertical bands, one colour a class, with a strip of void at the top: (4, 3, S, S) and (4, S, S)."""
    draw = torch.Generator().manual_seed(3)
    bands = torch.stack([torch.randperm(4, generator=draw) % classes for _ in range(4)])
    label = bands.repeat_interleave(SIDE // 4, 1)[:, None, :].repeat(1, SIDE, 1)
    colours = torch.rand(classes, 3, generator=draw)
    image = colours[label].permute(0, 3, 1, 2) * 0.8 + 0.2 * torch.rand(4, 3, SIDE, SIDE, generator=draw)
    label[:, :4] = 255
    return image.contiguous(memory_format=torch.channels_last), label


class Fixed(torch.nn.Module):
    """A network that says the same of every picture."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, _pixels: torch.Tensor) -> torch.Tensor:
        return self.logits


def accuracy(victim: Victim, image: torch.Tensor, label: torch.Tensor) -> float:
    with torch.no_grad():
        right = victim.predict(image) == label
    return float(right[label != 255].float().mean())


@pytest.mark.parametrize(("name", "classes"), [*((name, 4) for name in VICTIMS), ("unet", 2)])
def test_loss_gradients_void_and_label_map(name: str, classes: int) -> None:
    torch.manual_seed(0)
    victim = find_victim(name).build(classes, False).train()
    image, label = batch(classes)
    loss = victim.loss(image, label)
    assert loss.shape == ()
    assert torch.isfinite(loss)
    loss.backward()
    still = [n for n, p in victim.named_parameters() if p.requires_grad and (p.grad is None or not torch.isfinite(p.grad).all())]
    assert still == [], f"no gradient reaches {still}"
    maps = victim.eval().predict(image[:2, :, :32])
    assert maps.shape == (2, 32, SIDE)
    assert set(maps.unique().tolist()) <= set(range(classes))
    with torch.no_grad():
        assert torch.isfinite(victim.loss(image, torch.full_like(label, 255)))  # nothing but void


@pytest.mark.parametrize("classes", [2, 4])
def test_void_pixels_pull_at_no_logit(classes: int) -> None:
    victim = find_victim("unet").build(classes, False)
    image, label = batch(classes)
    logits = torch.randn(4, 1 if classes == 2 else classes, SIDE, SIDE, requires_grad=True)
    victim.network = Fixed(logits)
    victim.loss(image, label).backward()
    assert logits.grad is not None
    void = (label == 255)[:, None].expand_as(logits)
    assert logits.grad[void].abs().max() == 0
    assert (logits.grad[~void] != 0).all()


@pytest.mark.parametrize("name", VICTIMS)
def test_overfits_a_batch(name: str) -> None:
    torch.manual_seed(0)
    victim = find_victim(name).build(4, False).train()
    image, label = batch(4)
    optimizer = torch.optim.AdamW(victim.parameters(), lr=OVERFIT_LR[name], weight_decay=0)
    losses = []
    for step in range(80):
        loss = victim.loss(image, label)
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(victim.parameters(), 5.0)
        optimizer.step()
        if step % 10 == 9 and accuracy(victim, image, label) > 0.97:
            break
    assert losses[-1] < 0.6 * losses[0]
    assert accuracy(victim, image, label) > 0.97


@pytest.mark.parametrize("name", VICTIMS)
def test_pretrained_differs_from_scratch_in_the_encoder_alone(name: str) -> None:
    from unseg_cli.models.imagenet import imagenet_lite0_state_dict

    torch.manual_seed(0)
    pretrained = find_victim(name).build(2, True).state_dict()
    encoder = imagenet_lite0_state_dict()
    loaded = {n.split("encoder.")[-1].split("_backbone.")[-1].removeprefix("model."): t for n, t in pretrained.items() if "encoder." in n}
    same = [n for n, tensor in encoder.items() if n in loaded and torch.equal(loaded[n], tensor)]
    assert len(same) >= 280  # all stages; the classifier's head is not there


def test_misspelt_victim_gets_a_hint() -> None:
    with pytest.raises(UsageProblem) as problem:
        find_victim("mask2fromer")
    assert "did you mean 'mask2former'" in problem.value.hint


def test_absent_extra_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without_smp(name: str, *more: Any) -> Any:
        return None if name == "segmentation_models_pytorch" else found(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", without_smp)
    with pytest.raises(EnvironmentProblem) as problem:
        find_victim("unet")
    assert "pip install 'unseg_cli[bench]'" in problem.value.hint
    rows = {row["name"]: row for row in list_victims().document["victims"]}
    assert not rows["unet"]["installed"]
    assert rows["mask2former"]["installed"]
    assert rows["unet"]["tasks"] == ["binary", "semantic"]


def test_task_that_a_victim_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    data: Any = SimpleNamespace(task="binary")
    assert schedule_for(registry.VICTIMS["unet"], data).image_size == 96
    assert schedule_for(registry.VICTIMS["unet"], data, "scratch").epochs > schedule_for(registry.VICTIMS["unet"], data).epochs
    assert schedule_for(registry.VICTIMS["mask2former"], data, "scratch") == schedule_for(registry.VICTIMS["mask2former"], data)
    with pytest.raises(UsageProblem, match="cannot do the task panoptic"):
        schedule_for(registry.VICTIMS["unet"], SimpleNamespace(task="panoptic"))  # type: ignore[arg-type]

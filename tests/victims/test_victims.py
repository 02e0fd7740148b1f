"""One battery for every victim."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from unseg_cli.errors import EnvironmentProblem, UsageProblem
from unseg_cli.victims import registry
from unseg_cli.victims.base import Victim
from unseg_cli.victims.registry import VICTIMS, find_victim, list_victims, schedule_for

SIDE = 64
#: A rate at which a few dozen steps on one batch are enough.
OVERFIT_LR = {"unet": 3e-3, "deeplabv3plus": 3e-3, "mask2former": 1e-3}


def batch(classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Four pictures of vertical bands, one colour a class, with a strip of void at the top: (4, 3, S, S) and (4, S, S)."""
    draw = torch.Generator().manual_seed(3)
    bands = torch.stack([torch.randperm(4, generator=draw) % classes for _ in range(4)])
    label = bands.repeat_interleave(SIDE // 4, 1)[:, None, :].repeat(1, SIDE, 1)
    colours = torch.rand(classes, 3, generator=draw)
    image = colours[label].permute(0, 3, 1, 2) * 0.8 + 0.2 * torch.rand(4, 3, SIDE, SIDE, generator=draw)
    label[:, :4] = 255
    return image.contiguous(memory_format=torch.channels_last), label


def accuracy(victim: Victim, image: torch.Tensor, label: torch.Tensor) -> float:
    with torch.no_grad():
        right = victim.predict(image) == label
    return float(right[label != 255].float().mean())


@pytest.fixture(params=[(name, classes) for name in VICTIMS for classes in (2, 4)], ids=lambda p: f"{p[0]}-{p[1]}")
def built(request: pytest.FixtureRequest) -> tuple[str, int, Victim]:
    name, classes = request.param
    torch.manual_seed(0)
    return name, classes, find_victim(name).build(classes, False)


def test_loss_gradients_and_label_map(built: tuple[str, int, Victim]) -> None:
    name, classes, victim = built
    image, label = batch(classes)
    loss = victim.train().loss(image, label)
    assert loss.shape == ()
    assert torch.isfinite(loss)
    loss.backward()
    # Two parts of Mask2Former cannot learn from one picture's masks by construction: see the exception's name.
    still = [n for n, p in victim.named_parameters() if p.requires_grad and (p.grad is None or not torch.isfinite(p.grad).all())]
    assert still == [], f"{name}: no gradient reaches {still}"
    maps = victim.eval().predict(image[:2, :, :32])
    assert maps.shape == (2, 32, SIDE)
    assert set(maps.unique().tolist()) <= set(range(classes))


def test_void_does_not_count(built: tuple[str, int, Victim]) -> None:
    name, classes, victim = built
    image, label = batch(classes)
    everywhere = torch.full_like(label, 255)
    assert torch.isfinite(victim.train().loss(image, everywhere))
    if name != "mask2former":  # its own loss has masks, not pixels: void belongs to none of them
        changed = image.clone()
        victim.eval()
        assert float(victim.loss(changed, label)) == pytest.approx(float(victim.loss(image, label)))


@pytest.mark.parametrize("name", VICTIMS)
def test_overfits_a_batch(name: str) -> None:
    torch.manual_seed(0)
    victim = find_victim(name).build(4, False).train()
    image, label = batch(4)
    optimizer = torch.optim.AdamW(victim.parameters(), lr=OVERFIT_LR[name], weight_decay=0)
    first = float(victim.loss(image, label))
    for _step in range(80):
        loss = victim.loss(image, label)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(victim.parameters(), 5.0)
        optimizer.step()
        if _step % 10 == 9 and accuracy(victim, image, label) > 0.97:
            break
    assert float(loss) < 0.6 * first
    assert accuracy(victim, image, label) > 0.97


@pytest.mark.parametrize("name", VICTIMS)
def test_pretrained_differs_from_scratch_in_the_encoder_alone(name: str) -> None:
    from unseg_cli.models.imagenet_weights import imagenet_lite0_state_dict

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
    with pytest.raises(UsageProblem, match="cannot do the task panoptic"):
        schedule_for(registry.VICTIMS["unet"], SimpleNamespace(task="panoptic"))  # type: ignore[arg-type]

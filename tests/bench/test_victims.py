"""One battery for every victim and every task that it can do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import AdamW

from unseg_cli.bench.examples import Batch, Prediction, Segments, Target
from unseg_cli.bench.tasks import TASKS
from unseg_cli.bench.victims.base import Normalisation, Victim, VictimSpec
from unseg_cli.bench.victims.listing import list_victims
from unseg_cli.bench.victims.registry import SMP_TITLES, VICTIMS, find_victim, schedule_for
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.extras import install_line
from unseg_cli.datasets.sample import Segment, Truth
from unseg_cli.generators.loading import load_generator
from unseg_cli.models.imagenet import imagenet_lite0_state_dict

SIDE = 64
#: A rate at which a few dozen steps on one batch are enough.
OVERFIT_LR = dict.fromkeys(VICTIMS, 1e-3) | dict.fromkeys((*SMP_TITLES, "deeplabv1"), 3e-3)
CLASSES = {"binary": ("ground", "object"), "semantic": ("sky", "road", "car", "pole")}
CLASSES |= dict.fromkeys(("instance", "detection", "panoptic", "interactive"), ("ground", "car", "pole"))
#: The headline score that a victim reaches on what it has learned by heart, in percent; of label maps the share of right pixels.
BY_HEART = {"binary": 97, "semantic": 97, "instance": 60, "detection": 60, "panoptic": 70, "interactive": 85}
OBJECT_TASKS = [name for name, task in TASKS.items() if task.tells_objects]
EVERY = [pytest.param(name, task, id=f"{name}-{task}") for name, entry in VICTIMS.items() for task in entry.tasks]


def build(name: str, task: str, *, pretrained: bool = False) -> Victim:
    torch.manual_seed(0)
    things = (1, 2) if task in OBJECT_TASKS else ()
    return find_victim(name).build(VictimSpec(task=task, classes=CLASSES[task], pretrained=pretrained, side=SIDE, things=things))


def batch(task: str, count: int = 4) -> Batch:
    """Pictures with truth for a task."""
    return objects_on_ground(task, count) if task in OBJECT_TASKS else bands_of_classes(task, count)


def objects_on_ground(task: str, count: int) -> Batch:
    """Pictures of two objects of one colour a class on noise, the second of which is smaller."""
    draw = torch.Generator().manual_seed(5)
    images, targets = 0.3 * torch.rand(count, 3, SIDE, SIDE, generator=draw), []
    for image in images:
        labels, segments = np.zeros((SIDE, SIDE), np.uint8), []
        for category, side, left in ((1, 28, 2), (2, 20, 38)):
            top = int(torch.randint(SIDE - side, (), generator=draw))
            mask = np.zeros((SIDE, SIDE), bool)
            mask[top : top + side, left : left + side] = True
            labels[mask] = category
            image[:, torch.from_numpy(mask)] += torch.tensor([[0.7, 0, 0], [0, 0, 0.7]])[category - 1][:, None]
            segments.append(Segment(size=(SIDE, SIDE), shape=mask, category=category))
        targets.append(TASKS[task].target(Truth(labels=labels, segments=tuple(segments))))
    return Batch(images=images.contiguous(memory_format=torch.channels_last), targets=tuple(targets))


def bands_of_classes(task: str, count: int) -> Batch:
    """Pictures of vertical bands, one colour a class, with a strip of void at the top."""
    draw, classes = torch.Generator().manual_seed(3), len(CLASSES[task])
    bands = torch.stack([torch.randperm(4, generator=draw) % classes for _ in range(count)])
    labels = bands.repeat_interleave(SIDE // 4, 1)[:, None, :].repeat(1, SIDE, 1)
    colours = torch.rand(classes, 3, generator=draw)
    images = colours[labels].permute(0, 3, 1, 2) * 0.8 + 0.2 * torch.rand(count, 3, SIDE, SIDE, generator=draw)
    labels[:, :4] = 255
    return of(images, labels)


def of(images: torch.Tensor, labels: torch.Tensor) -> Batch:
    targets = tuple(Target(labels=label) for label in labels.to(torch.uint8))
    return Batch(images=images.contiguous(memory_format=torch.channels_last), targets=targets)


def losses(victim: Victim, seen: Batch) -> torch.Tensor:
    return torch.stack([*victim(seen).values()]).sum()


def accuracy(victim: Victim, seen: Batch, task: str) -> float:
    with torch.no_grad():
        predictions = victim.predict(seen)
    if task in OBJECT_TASKS:
        (metric,) = (make(CLASSES[task]) for make in TASKS[task].metrics)
        for prediction, target in zip(predictions, seen.targets, strict=True):
            metric.update(prediction, target)
        return metric.compute()[TASKS[task].headline]
    found = torch.stack([prediction.labels for prediction in predictions])
    return 100 * float((found == seen.labels)[seen.labels != 255].float().mean())


def without_truth(seen: Batch, task: str) -> Batch:
    """The same pictures, nothing known."""
    blank = torch.full((len(seen.images), *seen.images.shape[-2:]), 255)
    segments = Segments.none((seen.images.shape[-2], seen.images.shape[-1])) if task in OBJECT_TASKS else None
    targets = tuple(Target(labels=label, segments=segments) for label in blank.to(torch.uint8))
    return Batch(images=seen.images, targets=targets)


@pytest.mark.parametrize(("name", "task"), EVERY)
def test_losses_are_finite_and_reach_every_weight(name: str, task: str) -> None:
    victim = build(name, task).train()
    found = victim(batch(task))
    assert found and all(loss.shape == () and torch.isfinite(loss) and loss > 0 for loss in found.values())
    torch.stack([*found.values()]).sum().backward()
    still = [n for n, p in victim.named_parameters() if p.requires_grad and (p.grad is None or not torch.isfinite(p.grad).all())]
    assert still == [], f"no gradient reaches {still}"


@pytest.mark.parametrize(("name", "task"), EVERY)
def test_nothing_but_void_teaches_nothing(name: str, task: str) -> None:
    victim = build(name, task).train()
    seen = batch(task)
    loss = losses(victim, without_truth(seen, task))
    if name in ("maskrcnn", "rsprompter", "fasterrcnn", "dfine"):  # for them a picture without objects says: there is none
        assert torch.isfinite(loss)
    else:
        assert float(loss.detach()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("name", "task"), [one for one in EVERY if "interactive" not in one.values])
def test_predictions_do_not_look_at_the_truth(name: str, task: str) -> None:
    victim, seen = build(name, task).eval(), batch(task, 2)
    with torch.no_grad():
        blind = victim.predict(without_truth(seen, task))
        with_truth = victim.predict(seen)
    assert all(torch.equal(a.labels, b.labels) for a, b in zip(blind, with_truth, strict=True))


@pytest.mark.parametrize(("name", "task"), EVERY)
def test_predictions_are_label_maps_of_the_pictures_size(name: str, task: str) -> None:
    victim, seen = build(name, task).eval(), batch(task, 2)
    square = name in ("sam", "sam-hq", "rsprompter", "dfine")  # SAM takes no others, and D-FINE wants as many places as it has queries
    height = SIDE if square else 32
    targets = tuple(one.resized((height, SIDE), (0, 0, SIDE, height)) for one in seen.targets)
    wide = Batch(images=seen.images[:, :, :height], targets=targets)
    with torch.no_grad():
        found = victim.predict(wide)
        one = victim.predict(Batch(images=wide.images[:1], targets=wide.targets[:1]))[0]
    assert len(found) == 2
    for prediction in found:
        assert isinstance(prediction, Prediction)
        assert prediction.labels.shape == (height, SIDE) and prediction.labels.dtype == torch.uint8
        assert set(prediction.labels.unique().tolist()) <= set(range(len(CLASSES[task])))
    assert (one.labels == found[0].labels).float().mean() > 0.99  # a picture is judged alone


@pytest.mark.parametrize(("name", "task"), EVERY)
def test_a_saved_victim_says_the_same(name: str, task: str, tmp_path: Path) -> None:
    victim, seen = build(name, task).train(), batch(task, 2)
    losses(victim, seen)  # moves the running statistics
    torch.save(victim.state_dict(), tmp_path / "victim.pt")
    torch.manual_seed(99)
    other = find_victim(name).build(VictimSpec(task=task, classes=CLASSES[task], pretrained=False, side=SIDE))
    other.load_state_dict(torch.load(tmp_path / "victim.pt", weights_only=True))
    with torch.no_grad():
        pairs = zip(victim.eval().predict(seen), other.eval().predict(seen), strict=True)
        assert all(torch.equal(one.labels, again.labels) for one, again in pairs)


#: Of the networks that share their losses and their reading, one learns binary masks.
LEARNS = [one for one in EVERY if "binary" not in one.values or one.values[0] in ("unet", "mask2former")]


@pytest.mark.parametrize(("name", "task"), LEARNS)
def test_overfits_a_batch(name: str, task: str) -> None:
    victim, seen = build(name, task).train(), batch(task, 2 if task in OBJECT_TASKS else 4)
    optimizer = AdamW(victim.parameters(), lr=OVERFIT_LR[name], weight_decay=0)
    course: list[float] = []
    for step in range(80 if task in ("binary", "semantic") else 160):
        loss = losses(victim, seen)
        course.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(victim.parameters(), 5.0)
        optimizer.step()
        if step % 10 == 9 and _by_heart(victim, seen, task):
            break
    assert course[-1] < 0.6 * course[0]
    assert _by_heart(victim, seen, task)


def _by_heart(victim: Victim, seen: Batch, task: str) -> bool:
    """Whether it has learned them; with the statistics of batches as in training, since those of a few dozen steps are no good yet."""
    victim.eval()
    score = accuracy(victim, seen, task)
    victim.train()
    return score > BY_HEART[task]


@pytest.mark.parametrize("task", ["binary", "semantic"])
def test_void_pixels_pull_at_no_logit(task: str) -> None:
    class Fixed(torch.nn.Module):
        def forward(self, _pixels: torch.Tensor) -> torch.Tensor:
            return logits

    victim, seen = build("unet", task), batch(task)
    logits = torch.randn(4, 1 if task == "binary" else 4, SIDE, SIDE, requires_grad=True)
    victim.network = Fixed()
    losses(victim, seen).backward()
    assert logits.grad is not None
    void = (seen.labels == 255)[:, None].expand_as(logits)
    assert logits.grad[void].abs().max() == 0
    assert (logits.grad[~void] != 0).all()


def encoder_in(victim: Victim) -> torch.nn.Module:
    """timm's EfficientNet-Lite0."""
    return next(module for module in victim.modules() if hasattr(module, "conv_stem"))


def encoder_of(victim: Victim) -> dict[str, torch.Tensor]:
    """The encoder's tensors under timm's own names."""
    return encoder_in(victim).state_dict()


@pytest.mark.parametrize("name", ["sam", "sam-hq"])
def test_sam_starts_from_a_network_that_has_learned_to_be_pointed_at(name: str) -> None:
    shipped, victim = load_generator("lite").state_dict(), build(name, "interactive", pretrained=True)
    own = {key.removeprefix("network."): tensor for key, tensor in victim.state_dict().items()}
    new = {key for key, tensor in own.items() if key not in shipped or not torch.equal(tensor, shipped[key])}
    assert all(key.startswith("mask_decoder.hq_") for key in new) and bool(new) == (name == "sam-hq")


@pytest.mark.parametrize("name", [name for name in VICTIMS if name not in ("sam", "sam-hq", "rsprompter")])
def test_pretrained_differs_from_scratch_in_the_encoder_alone(name: str) -> None:
    task = VICTIMS[name].tasks[0]
    pretrained, scratch = (build(name, task, pretrained=pretrained) for pretrained in (True, False))
    known, loaded, drawn = imagenet_lite0_state_dict(), encoder_of(pretrained), encoder_of(scratch)
    same = [n for n, tensor in known.items() if n in loaded and torch.equal(loaded[n], tensor)]
    assert len(same) >= 240  # all stages; the classifier's head is not there, nor are counters of frozen norms
    convolutions = [n for n in same if known[n].dim() == 4]
    assert len(convolutions) > 40 and not any(torch.equal(drawn[n], known[n]) for n in convolutions)
    other = {n for n, tensor in pretrained.state_dict().items() if not torch.equal(tensor, scratch.state_dict()[n])}
    assert other and all(any(n.endswith(f".{of}") for of in loaded) for n in other)


def test_a_victim_has_the_normalisation_of_its_own_weights() -> None:
    photo = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    image = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1).expand(2, 3, 4, 5)
    assert photo(image).abs().max() < 1e-6
    assert torch.allclose(photo(torch.ones(2, 3, 4, 5))[0, :, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))
    for name in VICTIMS:
        victim = build(name, VICTIMS[name].tasks[0]).eval()
        seen: list[torch.Tensor] = []
        encoder_in(victim).conv_stem.register_forward_pre_hook(lambda _module, args, seen=seen: seen.append(args[0]))
        with torch.no_grad():
            truth = Target(labels=torch.zeros(SIDE, SIDE, dtype=torch.uint8), segments=Segments.none((SIDE, SIDE)))
            victim.predict(Batch(images=torch.full((1, 3, SIDE, SIDE), 0.75), targets=(truth,)))
        assert torch.all(seen[0] == 0.5), name  # ImageNet weights of EfficientNet-Lite0 take [-1, 1]


@pytest.mark.parametrize(("side", "rates"), [(96, (2, 4, 6)), (160, (2, 4, 6)), (256, (3, 6, 9)), (320, (4, 8, 12)), (512, (6, 12, 18))])
def test_atrous_rates_follow_the_size_of_the_map(side: int, rates: tuple[int, ...]) -> None:
    victim = find_victim("deeplabv3plus").build(VictimSpec(task="binary", classes=CLASSES["binary"], pretrained=False, side=side))
    dilated = {m.dilation[0] for m in victim.network.decoder.aspp.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size[0] > 1}
    assert dilated - {1} == set(rates)


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
    assert problem.value.hint == install_line('"unseg_cli[bench]"')
    rows = {row["name"]: row for row in list_victims().document["victims"]}
    assert not rows["unet"]["installed"]
    assert rows["mask2former"]["installed"]
    assert rows["unet"]["tasks"] == ["binary", "semantic"]


def test_task_that_a_victim_cannot_do() -> None:
    unet, other = VICTIMS["unet"], VICTIMS["mask2former"]
    assert schedule_for(unet, "binary").image_size == 256
    assert schedule_for(unet, "binary", "scratch").epochs > schedule_for(unet, "binary").epochs
    assert schedule_for(other, "binary", "scratch") == schedule_for(other, "binary")
    with pytest.raises(UsageProblem, match="cannot do the task panoptic"):
        schedule_for(unet, "panoptic")


def test_every_victim_has_a_schedule_for_every_task() -> None:
    assert all(set(entry.tasks) <= set(TASKS) for entry in VICTIMS.values())
    assert {task for entry in VICTIMS.values() for task in entry.tasks} == set(TASKS)

"""Training one victim on one set of pictures, and testing it after every epoch.

What an ordinary thief would do: AdamW, a one-cycle learning rate, random flips and random crops. Nothing is done against the protection;
the defences are separate.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.bench.metrics import confusion as metrics
from unseg_cli.bench.victims.base import Victim
from unseg_cli.bench.victims.registry import Schedule
from unseg_cli.core.events import Events

CROP_FROM = 0.7  # smallest side of the random crop, as a share of the picture's
WARM_UP = 0.2  # share of the steps in which the learning rate rises
CLIP_NORM = 5.0
TEST_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Pictures with their truth, in memory.

    Attributes:
        images: (N, 3, H, W) uint8.
        labels: (N, H, W) uint8; 255 = void.
    """

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Metrics of one victim on one set, in percent.

    Attributes:
        metric: binary: IoU of the foreground over the whole set; semantic: mean of the classes' IoU over the whole set.
        per_picture: the same, computed for every picture and averaged.
        dice: binary: Dice of the foreground over the whole set; None for semantic.
        per_class: IoU of every class over the whole set; None for a class that does not occur.
    """

    metric: float
    per_picture: float
    dice: float | None
    per_class: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One point of the curves: number from 1, mean training loss, scores on the test pictures."""

    epoch: int
    loss: float
    test: Scores


@dataclass(frozen=True, kw_only=True)
class Training:
    """What became of a victim.

    Attributes:
        epochs: the curves.
        train_metric: the final metric on the training pictures, in percent.
        seconds: wall time.
        predictions: (K, H, W) uint8, label maps of the first K test pictures.
    """

    epochs: tuple[Epoch, ...]
    train_metric: float
    seconds: float
    predictions: Tensor


def train_victim(
    victim: Victim,
    train: Examples,
    test: Examples,
    *,
    classes: int,
    schedule: Schedule,
    seed: int,
    device: torch.device,
    events: Events,
    keep_predictions: int = 4,
) -> Training:
    """Train a victim, in place.

    Args:
        victim: a fresh network.
        train: what the thief has.
        test: clean pictures.
        classes: how many classes there are.
        schedule: epochs, batch size, learning rate.
        seed: order and augmentation. The caller seeds torch before the victim is built.
        device: where to train.
        events: one step is advanced for each batch.
        keep_predictions: for how many test pictures the final label maps are kept.
    """
    started = time.perf_counter()
    draw = torch.Generator().manual_seed(seed)
    victim.to(device).train()
    batches = max(1, len(train.images) // schedule.batch_size)  # a short rest is left out, differently in each epoch
    optimizer = torch.optim.AdamW(
        victim.parameters(), lr=schedule.lr, weight_decay=schedule.weight_decay, fused=device.type in ("cpu", "cuda")
    )
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.lr, total_steps=schedule.epochs * batches, pct_start=WARM_UP)
    epochs: list[Epoch] = []
    for epoch in range(1, schedule.epochs + 1):
        total = 0.0
        order = torch.randperm(len(train.images), generator=draw)
        for step in range(batches):
            chosen = order[step * schedule.batch_size : (step + 1) * schedule.batch_size]
            image_01, label = augment(train.images[chosen].to(device), train.labels[chosen].to(device), draw)
            loss = victim.loss(image_01, label)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(victim.parameters(), CLIP_NORM)
            optimizer.step()
            rate.step()
            total += float(loss.detach())
            events.advance(note=f"loss {total / (step + 1):.3f}")
        scores = score(predict_all(victim, test.images, device), test.labels, classes)
        epochs.append(Epoch(epoch=epoch, loss=total / batches, test=scores))
    train_metric = score(predict_all(victim, train.images, device), train.labels, classes).metric
    predictions = predict_all(victim, test.images[:keep_predictions], device)
    return Training(epochs=tuple(epochs), train_metric=train_metric, seconds=time.perf_counter() - started, predictions=predictions)


def augment(images: Tensor, labels: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Flip left-right half of the time, and crop a random part of `CROP_FROM` to 1 of each side, brought back to the full size.

    Args:
        images: (B, 3, H, W) uint8.
        labels: (B, H, W) uint8; 255 = void.
        draw: a CPU generator.

    Returns:
        (B, 3, H, W) float32 in [0, 1], channels last, and (B, H, W) int64.
    """
    batch = len(images)
    flip, scale, x, y = torch.rand(4, batch, generator=draw)
    scale = CROP_FROM + (1 - CROP_FROM) * scale
    sign = torch.where(flip < 0.5, -1.0, 1.0)
    zero = torch.zeros(batch)
    # Output coordinates in [-1, 1] -> input: shrunk by the scale, and shifted so that the crop stays inside of the picture.
    theta = torch.stack([sign * scale, zero, (2 * x - 1) * (1 - scale), zero, scale, (2 * y - 1) * (1 - scale)], 1).view(batch, 2, 3)
    grid = F.affine_grid(theta.to(images.device), [batch, 1, *images.shape[-2:]], align_corners=False)
    cropped = F.grid_sample(images.float().div_(255), grid, mode="bilinear", padding_mode="border", align_corners=False)
    label = F.grid_sample(labels[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False)
    return cropped.clamp(0, 1).contiguous(memory_format=torch.channels_last), label[:, 0].long()


def predict_all(victim: Victim, images: Tensor, device: torch.device) -> Tensor:
    """Label maps, (N, H, W) uint8 on the CPU, of (N, 3, H, W) uint8 pictures; the victim is left in training mode."""
    victim.eval()
    with torch.inference_mode():
        maps = [
            victim.predict(part.to(device).float().div_(255).contiguous(memory_format=torch.channels_last)).to(torch.uint8).cpu()
            for part in images.split(TEST_BATCH)
        ]
    victim.train()
    return torch.cat(maps)


def score(predictions: Tensor, labels: Tensor, classes: int) -> Scores:
    """Compare (N, H, W) label maps with the truth, (N, H, W) with 255 = void."""
    each = metrics.confusion_per_picture(predictions, labels, classes)
    whole = each.sum(0)
    main = metrics.binary_iou if classes == 2 else metrics.miou
    per_class = tuple(None if value != value else 100 * value for value in metrics.iou_per_class(whole).tolist())
    return Scores(
        metric=100 * float(main(whole)),
        per_picture=100 * float(main(each).nanmean()),
        dice=100 * float(metrics.dice(whole)) if classes == 2 else None,
        per_class=per_class,
    )

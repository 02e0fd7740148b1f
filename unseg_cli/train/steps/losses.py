"""Losses on mask logits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unseg_cli.train.steps.draws import Draws


def mask_loss(logits: Tensor, target: Tensor, draws: Draws, *, points: int | None = None) -> Tensor:
    """Sigmoid cross-entropy plus dice, averaged over the batch.

    Args:
        logits: (B, 1, h, w).
        target: (B, 1, H, W) in [0, 1]; brought to the logits' size where they differ.
        draws: of the step.
        points: None: every pixel counts. Else the paper's way for large maps: this many sampled points a picture, three quarters of
            them where the prediction is least certain.

    Returns:
        A scalar.
    """
    if points is None:
        if target.shape[-2:] != logits.shape[-2:]:
            target = F.interpolate(target, logits.shape[-2:], mode="bilinear", align_corners=False, antialias=True)
        return _cross_entropy_and_dice(logits.flatten(1), target.flatten(1))
    where = uncertain_points(logits.detach(), points, draws)
    return _cross_entropy_and_dice(_sample(logits, where), _sample(target, where))


def uncertain_points(logits: Tensor, count: int, draws: Draws, *, oversample: int = 3, importance: float = 0.75) -> Tensor:
    """PointRend's sampling: the least certain of `oversample` x `count` random points, and the rest at random.

    Returns:
        (B, count, 2) as x, y in [0, 1].
    """
    batch = logits.shape[0]
    candidates = draws.uniform(batch, count * oversample, 2).to(logits.device)
    certainty = _sample(logits, candidates).abs()
    kept = int(importance * count)
    nearest = certainty.topk(kept, dim=1, largest=False).indices
    chosen = candidates.gather(1, nearest[..., None].expand(-1, -1, 2))
    return torch.cat([chosen, draws.uniform(batch, count - kept, 2).to(logits.device)], 1)


def _sample(maps: Tensor, where: Tensor) -> Tensor:
    """(B, 1, h, w) at (B, N, 2) points -> (B, N)."""
    return F.grid_sample(maps, where.unsqueeze(2) * 2 - 1, mode="bilinear", align_corners=False).squeeze(3).squeeze(1)


def _cross_entropy_and_dice(logits: Tensor, target: Tensor) -> Tensor:
    """(B, N) each -> scalar."""
    probability = torch.sigmoid(logits)
    overlap = (probability * target).sum(1)
    dice = 1 - (2 * overlap + 1) / (probability.sum(1) + target.sum(1) + 1)
    return F.binary_cross_entropy_with_logits(logits, target) + dice.mean()

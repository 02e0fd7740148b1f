"""Mask loss and point sampling."""

from __future__ import annotations

import pytest
import torch

from unseg_cli.train.steps.draws import Draws
from unseg_cli.train.steps.losses import mask_loss, uncertain_points


def planes() -> tuple[torch.Tensor, torch.Tensor]:
    target = torch.zeros(2, 1, 32, 32)
    target[0, :, 8:20, 4:16] = 1
    target[1, :, :, 16:] = 1
    return (target * 2 - 1) * 12, target


@pytest.mark.parametrize("points", [None, 400])
def test_right_is_near_zero_and_wrong_is_large(points: int | None) -> None:
    right, target = planes()
    assert mask_loss(right, target, Draws(0, total=2), points=points) < (
        0.05 if points is None else 0.6
    )  # sampled points fall between pixels at the edge
    assert mask_loss(-right, target, Draws(0, total=2), points=points) > 3


def test_the_target_is_brought_to_the_size_of_the_logits() -> None:
    right, target = planes()
    larger = target.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert mask_loss(right, larger, Draws(0, total=2)) < 0.2, "antialiasing softens the edge a little"
    assert mask_loss(-right, larger, Draws(0, total=2)) > 3


def test_points_gather_where_the_prediction_is_uncertain() -> None:
    logits = torch.full((1, 1, 40, 40), 9.0)
    logits[..., 18:22] = 0.0  # a tenth of the width
    where = uncertain_points(logits, 400, Draws(0, total=1))
    assert where.shape == (1, 400, 2)
    near = ((where[..., 0] - 0.5).abs() < 0.08).float().mean()
    assert near > 0.3, "three times more than chance"


def test_gradients_reach_the_logits() -> None:
    logits = torch.zeros(1, 1, 16, 16, requires_grad=True)
    mask_loss(logits, torch.ones(1, 1, 16, 16), Draws(0, total=1), points=50).backward()
    assert logits.grad is not None and logits.grad.abs().sum() > 0

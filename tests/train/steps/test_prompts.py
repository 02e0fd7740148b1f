"""Random boxes, points and noisy masks that generators are prompted with."""

from __future__ import annotations

import torch

from unseg_cli.train.steps.draws import Draws
from unseg_cli.train.steps.prompts import boxes_of, noisy_mask, points_of, prompt_of, random_kinds


def test_boxes_and_points_lie_on_the_object() -> None:
    mask = torch.zeros(2, 1, 40, 40)
    mask[0, 0, 5:9, 10:30] = 1
    mask[1, 0, 20, 20] = 1
    assert boxes_of(mask).tolist() == [[10, 5, 30, 9], [20, 20, 21, 21]]
    for plane, points in zip(mask[:, 0], points_of(mask, 10, Draws(0, total=2)), strict=True):
        assert all(plane[int(y), int(x)] == 1 for x, y in points)
    scaled = prompt_of(frozenset({"box"}), mask, 80, Draws(0, total=2))
    assert scaled.boxes is not None and scaled.boxes[0].tolist() == [20, 10, 60, 18]


def test_a_noisy_mask_differs_at_the_border_alone() -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    noisy = noisy_mask(mask, Draws(0, total=1))
    assert not torch.equal(noisy, mask)
    assert noisy[..., 28:36, 28:36].min() == 1 and noisy[..., :4, :].max() == 0


def test_prompt_kinds_cover_all_subsets() -> None:
    draws = Draws(0, total=1)
    subsets = {random_kinds(draws, single=False) for _ in range(200)}
    assert len(subsets) == 7 and frozenset() not in subsets
    singles = {random_kinds(draws, single=True, empty_share=0.3) for _ in range(200)}
    assert len(singles) == 4
    assert {random_kinds(draws, single=False, of=("box", "mask")) for _ in range(50)} == {
        frozenset(kinds) for kinds in (("box",), ("mask",), ("box", "mask"))
    }

"""However a batch is divided, a picture gets the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from unseg_cli.train.steps.draws import Draws

TOTAL, HIGHS = 6, [5, 1, 700, 3, 90, 12]


def all_of(draws: Draws, rows: slice) -> list[torch.Tensor]:
    """Everything that can be drawn, in one order."""
    own = len(HIGHS[rows])
    return [
        draws.uniform(own, 3),
        torch.stack(draws.places(HIGHS[rows], 4)),
        draws.normal(own, 1, 5, 5),
        torch.full((own,), draws.chance()),
        torch.full((own,), draws.integer(0, 1000)),
        draws.uniform(own, 2, 2),
    ]


@pytest.mark.parametrize("cuts", [(0, 6), (0, 3, 6), (0, 1, 2, 3, 4, 5, 6), (0, 5, 6)])
def test_parts_together_are_the_whole(cuts: tuple[int, ...]) -> None:
    whole = all_of(Draws(3, total=TOTAL), slice(0, TOTAL))
    parts = [all_of(Draws(3, total=TOTAL, first=a), slice(a, b)) for a, b in pairwise(cuts)]
    for place, tensor in enumerate(whole):
        assert torch.equal(torch.cat([part[place] for part in parts]), tensor), place


@pytest.mark.parametrize("draw", [lambda d: d.uniform(6, 9), lambda d: d.normal(6, 9), lambda d: torch.cat(d.places([50] * 6, 9))])
def test_seeds_differ_and_repeat(draw: Callable[[Draws], torch.Tensor]) -> None:
    first, again, other = (draw(Draws(seed, total=TOTAL)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_places_stay_below_their_limits() -> None:
    for high, places in zip(HIGHS, Draws(0, total=TOTAL).places(HIGHS, 200), strict=True):
        assert places.min() >= 0 and places.max() < high
    assert len(Draws(0, total=TOTAL).places(HIGHS, 200)[2].unique()) > 100

"""U2-Net-p's shape; what its weights say is tested in tests/generators/finders."""

from __future__ import annotations

import pytest
import torch

from unseg_cli.models.u2net import U2NetP


@pytest.mark.parametrize("size", [(64, 64), (96, 32), (70, 50)])
def test_there_is_a_logit_for_every_second_pixel_of_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        logits = U2NetP()(torch.rand(2, 3, *size))
    assert logits.shape == (2, 1, size[0] // 2, size[1] // 2)
    assert bool(torch.isfinite(logits).all()) and float(logits.std()) > 0


def test_it_is_a_small_network() -> None:
    assert sum(parameter.numel() for parameter in U2NetP().parameters()) == 984_033

"""What publishing does to a picture, as the surrogate sees it."""

from __future__ import annotations

import torch

from unseg_cli.train.steps.degradations import degrade, jpeg
from unseg_cli.train.steps.draws import Draws


def test_degradations_pass_gradients_and_change_the_picture() -> None:
    image = torch.rand(2, 3, 48, 48, requires_grad=True)
    for seed in range(6):
        result = degrade(image, 32, Draws(seed, total=2))
        assert result.shape == (2, 3, 32, 32)
        (gradient,) = torch.autograd.grad(result.sum(), image)
        assert gradient.abs().sum() > 0
    squeezed = jpeg(image, 10)
    assert 0.005 < (squeezed - image).abs().mean() < 0.3

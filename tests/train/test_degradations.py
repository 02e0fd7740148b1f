"""What publishing does to a picture, as the surrogate sees it."""

from __future__ import annotations

import torch

from unseg_cli.train.degradations import degrade, jpeg


def test_degradations_pass_gradients_and_change_the_picture() -> None:
    image = torch.rand(2, 3, 48, 48, requires_grad=True)
    for seed in range(6):
        result = degrade(image, 32, torch.Generator().manual_seed(seed))
        assert result.shape == (2, 3, 32, 32)
        (gradient,) = torch.autograd.grad(result.sum(), image)
        assert gradient.abs().sum() > 0
    squeezed = jpeg(image, 10)
    assert 0.005 < (squeezed - image).abs().mean() < 0.3

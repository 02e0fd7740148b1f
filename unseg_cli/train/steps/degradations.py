"""What happens to published pictures before somebody trains on them: resizing, JPEG, gray. Between noise and surrogate."""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from unseg_cli.noise.tensors import luma
from unseg_cli.train.steps.draws import Draws


def degrade(image_01: Tensor, size: int, draws: Draws, *, strength: float = 1.0) -> Tensor:
    """Random resize, JPEG and gray, then the surrogate's own size. Gradients pass through all of it.

    Args:
        image_01: (B, 3, H, W) in [0, 1].
        size: side of the result in pixels.
        draws: of the step.
        strength: scales the probabilities; 0 leaves only the resize to `size`.
    """
    if draws.chance() < 0.5 * strength:
        side = int(size * (0.6 + 0.8 * draws.chance()))
        image_01 = _resize(image_01, side)
    if draws.chance() < 0.3 * strength:
        image_01 = jpeg(image_01, draws.integer(40, 96))
    if draws.chance() < 0.25 * strength:
        image_01 = luma(image_01).expand_as(image_01)
    return _resize(image_01, size)


def jpeg(image_01: Tensor, quality: int) -> Tensor:
    """JPEG and back; the gradient is that of the identity (straight-through), since rounding has none."""
    pixels = image_01.detach().clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    decoded = []
    for picture in pixels:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(buffer)))
    result = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).float().div(255).to(image_01.device)
    return image_01 + (result - image_01).detach()


def _resize(image_01: Tensor, size: int) -> Tensor:
    if image_01.shape[-1] == size:
        return image_01
    return F.interpolate(image_01, (size, size), mode="bilinear", align_corners=False, antialias=True)

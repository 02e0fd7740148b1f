"""The lite generator: the region of its noise, and weights that are free of the image size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.conftest import BOXES, LITE, seeded
from unseg_cli.models.build import Generator, build_generator
from unseg_cli.models.prompt import Prompt


def test_with_any_prompt_but_a_mask_the_region_is_the_predicted_mask(lite: Generator, images: Tensor) -> None:
    embedding = lite.embed(images)
    region = torch.sigmoid(lite.segment(embedding, Prompt(boxes=BOXES)))
    seen = []
    handle = lite.noise_head.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    lite.draw(embedding, images, Prompt(boxes=BOXES))
    lite.draw(embedding, images, Prompt())
    lite.draw(embedding, images, Prompt(boxes=BOXES, mask=torch.ones(3, 1, 16, 16)))
    handle.remove()
    side = LITE.noise_size
    assert torch.equal(seen[0], F.interpolate(region, (side, side), mode="bilinear", antialias=True))
    assert torch.equal(seen[1], F.interpolate(torch.sigmoid(lite.detect(embedding)), (side, side), mode="bilinear", antialias=True))
    assert torch.equal(seen[2], torch.ones(3, 1, side, side)), "a mask is taken as given, not as the decoder redraws it"


def test_the_same_weights_work_at_another_image_size(lite: Generator) -> None:
    """The same picture, larger: nearly the same embedding of it, and noise of the same map."""
    larger = build_generator(LITE.at_size(128)).eval().requires_grad_(False)
    larger.load_state_dict(lite.state_dict(), strict=True)
    image = F.interpolate(seeded(1, 3, 8, 8), (64, 64), mode="bicubic", align_corners=False).clamp(0, 1)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :32] = 1
    own = lite(image, Prompt(mask=mask))
    other = larger(F.interpolate(image, (128, 128), mode="bilinear", align_corners=False), Prompt(mask=mask))
    assert own.shape == other.shape
    assert F.cosine_similarity(own.flatten(), other.flatten(), dim=0) > 0.95

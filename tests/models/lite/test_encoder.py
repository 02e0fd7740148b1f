"""The small image encoder."""

from __future__ import annotations

import torch

from tests.models.conftest import LITE, SIZE
from unseg_cli.models.build import build_generator
from unseg_cli.models.lite.encoder import LiteImageEncoder


def test_batch_norm_and_early_layers_stay_as_they_are() -> None:
    generator = build_generator(LITE).train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in generator.parameters() if p.requires_grad], lr=0.1)
    generator.predict_mask(torch.rand(2, 3, SIZE, SIZE)).mean().backward()
    optimiser.step()
    after = generator.state_dict()
    for name in before:
        if "running_" in name or name.startswith("image_encoder.backbone.conv_stem"):
            assert torch.equal(before[name], after[name]), name
    assert not torch.equal(before["image_encoder.laterals.0.weight"], after["image_encoder.laterals.0.weight"])


def test_the_embedding_has_sams_width_at_stride_eight_for_any_size() -> None:
    encoder = LiteImageEncoder(LITE.encoder).eval()
    for height, width in ((SIZE, SIZE), (96, 64)):
        assert encoder(torch.rand(1, 3, height, width)).shape == (1, 256, height // 8, width // 8)

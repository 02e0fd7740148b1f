"""SAM's image encoder, and what it hands out on the way."""

from __future__ import annotations

import torch
from segment_anything.modeling import ImageEncoderViT

from tests.models.conftest import SAM
from unseg_cli.models.sam.image_encoder import build_sam_image_encoder


def test_the_image_encoder_is_sams_and_hands_out_the_global_blocks() -> None:
    torch.manual_seed(0)
    ours = build_sam_image_encoder(SAM, 256).eval()
    image = torch.randn(2, 3, 64, 64)
    seen = {}
    for index, block in enumerate(ours.blocks):
        block.register_forward_hook(lambda _module, _inputs, output, index=index: seen.update({index: output}))
    with torch.no_grad():
        embedding, tokens = ours.encode(image)
        torch.testing.assert_close(embedding, ImageEncoderViT.forward(ours, image))
        torch.testing.assert_close(embedding, ours(image))
    assert len(tokens) == len(SAM.vit_global_blocks)
    for index, output in zip(SAM.vit_global_blocks, tokens, strict=True):
        torch.testing.assert_close(output, seen[index])


def test_another_input_size_changes_nothing_but_positions() -> None:
    with torch.device("meta"):
        own, larger = build_sam_image_encoder(SAM, 256), build_sam_image_encoder(SAM, 256, image_size=128)
    shapes, others = ({name: tensor.shape for name, tensor in encoder.state_dict().items()} for encoder in (own, larger))
    changed = {name for name in shapes if shapes[name] != others[name]}
    assert shapes.keys() == others.keys()
    assert "pos_embed" in changed and all(name == "pos_embed" or "rel_pos" in name for name in changed)
    assert others["pos_embed"] == (1, 8, 8, 48)

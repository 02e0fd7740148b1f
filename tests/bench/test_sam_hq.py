"""SAM-HQ's token: what of the network learns, and the same sums as an independent implementation."""

from __future__ import annotations

import pytest
import torch

from unseg_cli.bench.victims.base import VictimSpec
from unseg_cli.bench.victims.sam_hq import HqMaskDecoder, build

#: Parts of `HqMaskDecoder` under their names in transformers.
NAMES = {
    "output_upscaling.0": "upscale_conv1",
    "output_upscaling.1": "upscale_layer_norm",
    "output_upscaling.3": "upscale_conv2",
    "hq_early.0": "compress_vit_conv1",
    "hq_early.1": "compress_vit_norm",
    "hq_early.3": "compress_vit_conv2",
    "hq_embedding.0": "encoder_conv1",
    "hq_embedding.1": "encoder_norm",
    "hq_embedding.3": "encoder_conv2",
    "hq_masks.0": "mask_conv1",
    "hq_masks.1": "mask_norm",
    "hq_masks.3": "mask_conv2",
    "hq_mlp": "hq_mask_mlp",
    ".norm_final": ".layer_norm_final",
}
NORMS = {f"transformer.layers.{layer}.norm{n}": f"transformer.layers.{layer}.layer_norm{n}" for layer in (0, 1) for n in (1, 2, 3, 4)}
PERCEPTRON = {".layers.0.": ".proj_in.", ".layers.1.": ".layers.0.", ".layers.2.": ".proj_out."}


def in_transformers(name: str) -> str:
    """What a parameter is called there."""
    if name.startswith(("output_hypernetworks", "iou_prediction", "hq_mlp")):
        name = next(name.replace(own, theirs) for own, theirs in PERCEPTRON.items() if own in name)
    for own, theirs in (NAMES | NORMS).items():
        name = name.replace(own, theirs)
    return name


def test_pretrained_nothing_but_the_new_part_learns() -> None:
    victim = build(VictimSpec(task="interactive", classes=("ground", "car"), pretrained=True, side=64))
    learning = [name for name, weight in victim.named_parameters() if weight.requires_grad]
    assert learning and all(name.startswith("network.mask_decoder.hq_") for name in learning)


def test_masks_are_those_of_transformers_but_for_its_defect() -> None:
    """Its decoder reads the embedding from before its own transformer, with height and width exchanged; here that is put right."""
    library = pytest.importorskip("transformers.models.sam_hq.modeling_sam_hq")
    torch.manual_seed(0)
    own = HqMaskDecoder(early_width=24).eval()
    other = library.SamHQMaskDecoder(library.SamHQMaskDecoderConfig(vit_dim=24, layer_norm_eps=1e-5, attn_implementation="eager")).eval()
    other.load_state_dict({in_transformers(name): tensor for name, tensor in own.state_dict().items()})
    after: list[torch.Tensor] = []
    other.transformer.register_forward_hook(lambda _module, _args, output: after.append(output[1]))
    other.upscale_conv1.register_forward_pre_hook(lambda _module, args: (after[-1].transpose(2, 3).reshape(args[0].shape),))
    embedding, early, places = torch.randn(2, 256, 6, 6), torch.randn(2, 24, 6, 6), torch.randn(1, 256, 6, 6)
    boxes, dense = torch.randn(2, 2, 256), torch.randn(2, 256, 6, 6)
    with torch.no_grad():
        masks = own.decode_hq(embedding, early, places, boxes, dense)
        theirs, _ = other(embedding, places.expand(2, -1, -1, -1), boxes[:, None], dense, False, True, [early.permute(0, 2, 3, 1)])
    assert masks.shape == (2, 1, 24, 24)
    assert torch.allclose(masks, theirs[:, 0], atol=1e-5)

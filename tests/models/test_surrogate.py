"""The surrogate is of the generator's own kind, at another size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.models.conftest import LITE, SAM, SMALL, prompts, seeded
from unseg_cli.models.build import build_generator, build_surrogate
from unseg_cli.models.sam.generator import IMAGENET_MEAN


@pytest.mark.parametrize("kind", SMALL)
def test_it_predicts_masks_at_its_own_size(kind: str) -> None:
    spec = SMALL[kind]
    surrogate = build_surrogate(spec, 32).eval()
    with torch.no_grad():
        logits = surrogate(seeded(3, 3, 32, 32), prompts()["points"])
    assert surrogate.image_size == 32
    assert logits.shape == (3, 1, 4 * 32 // spec.embed_stride, 4 * 32 // spec.embed_stride)


def test_both_vits_are_built_alike() -> None:
    """LayerNorm's epsilon and all: SAM's 1e-6, not PyTorch's default."""

    def norms(network: nn.Module) -> dict[str, float]:
        return {name: module.eps for name, module in network.named_modules() if isinstance(module, nn.LayerNorm)}

    generator, surrogate = build_generator(SAM).image_encoder, build_surrogate(SAM, SAM.image_size).image_encoder
    assert norms(generator) == norms(surrogate)
    assert set(norms(surrogate).values()) == {1e-6}
    assert {k: v.shape for k, v in generator.state_dict().items()} == {k: v.shape for k, v in surrogate.state_dict().items()}
    surrogate.load_state_dict(generator.state_dict(), strict=True)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(generator(image), surrogate(image))


def test_mean_coloured_pictures_reach_the_vit_as_zeros() -> None:
    surrogate = build_surrogate(SAM, 64)
    seen = []
    surrogate.image_encoder.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        surrogate.encode(torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1).expand(1, 3, 64, 64))
    assert seen[0].abs().max() < 1e-6


def test_the_lite_surrogate_has_the_lite_encoder() -> None:
    generator, surrogate = build_generator(LITE).image_encoder, build_surrogate(LITE, 32).image_encoder
    surrogate.load_state_dict(generator.state_dict(), strict=True)
    picture = torch.rand(1, 3, 32, 32)
    assert torch.equal(generator.eval()(picture), surrogate.eval()(picture))

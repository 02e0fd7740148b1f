"""The paper's generator: what its prompts become, and that it is SAM in all but the noise."""

from __future__ import annotations

import pytest
import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import MaskDecoder
from torch import Tensor

from tests.models.conftest import BOXES, POINTS, SAM, prompts
from unseg_cli.core.errors import UsageProblem
from unseg_cli.models.build import Generator
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.sam.generator import IMAGENET_MEAN, SamVitGenerator
from unseg_cli.models.sam.mask_decoder import sam_transformer
from unseg_cli.models.specs import SPECS, GeneratorSpec


def test_points_alone_get_sams_padding_point_and_points_with_a_box_do_not(sam: Generator) -> None:
    sparse, dense = sam.encode_prompt(Prompt(points=POINTS))
    assert sparse.shape == (3, 3, 256)
    torch.testing.assert_close(sparse[:, 2], sam.prompt_encoder.not_a_point_embed.weight.expand(3, -1))
    torch.testing.assert_close(dense, sam.prompt_encoder.no_mask_embed.weight.view(1, -1, 1, 1).expand_as(dense))
    assert sam.encode_prompt(Prompt(points=POINTS, boxes=BOXES))[0].shape == (3, 4, 256)
    assert sam.encode_prompt(Prompt(boxes=BOXES))[0].shape == (3, 2, 256)


def test_a_mask_prompt_becomes_0_and_255_on_four_cells_an_embedding_cell(sam: Generator) -> None:
    full = torch.zeros(1, 1, 64, 64)
    full[..., :30, 20:] = 1
    plane = sam.mask_plane(full)
    assert plane.shape == (1, 1, 16, 16)
    assert set(plane.unique().tolist()) == {0.0, 255.0}
    assert bool((plane[..., :7, 5:] == 255).all())
    assert bool((plane[..., 8:, :] == 0).all())
    assert sam.mask_plane(torch.full((1, 1, 16, 16), 0.49)).max() == 0


def test_mean_coloured_pictures_reach_the_encoder_as_zeros(sam: Generator, masks: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    encode = sam.image_encoder.encode
    monkeypatch.setattr(sam.image_encoder, "encode", lambda image: seen.append(image) or encode(image))
    grey = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    with torch.no_grad():
        sam(grey, Prompt(mask=masks[:1]))
        sam(torch.zeros(1, 3, 64, 64), Prompt(mask=masks[:1]))
    assert seen[0].abs().max() < 1e-6
    # Black padding is normalised like black pixels: it is not zero for the encoder.
    torch.testing.assert_close(seen[1][0, :, 0, 0], torch.tensor([-2.1179, -2.0357, -1.8044]), atol=1e-3, rtol=0)


def test_an_empty_prompt_is_refused_with_a_way_out(sam: Generator, images: Tensor) -> None:
    with pytest.raises(UsageProblem, match="needs a prompt") as caught:
        sam(images, Prompt())
    assert "--masks" in caught.value.hint
    assert not SAM.finds_objects


def test_masks_are_sams_own_and_the_noise_has_no_part_in_them(sam: Generator, images: Tensor) -> None:
    embedding = sam.embed(images)
    sparse, dense = sam.encode_prompt(Prompt(boxes=BOXES))
    decoder = MaskDecoder(transformer_dim=256, transformer=sam_transformer()).eval().requires_grad_(False)
    decoder.load_state_dict({k: v for k, v in sam.mask_decoder.state_dict().items() if not k.startswith("noise_")}, strict=True)
    logits = sam.segment(embedding, Prompt(boxes=BOXES))
    for row in range(3):
        one = slice(row, row + 1)
        own, _ = decoder.predict_masks(embedding.image[one], sam.prompt_encoder.get_dense_pe(), sparse[one], dense[one])
        torch.testing.assert_close(logits[one], own[:, :1], atol=1e-4, rtol=1e-4)


def test_the_published_size_is_built_from_its_spec_without_memory() -> None:
    with torch.device("meta"):
        generator = SamVitGenerator(SPECS["vit_b"])
    assert sum(parameter.numel() for parameter in generator.noise_parameters()) == 7_252_544
    assert len(generator.state_dict()) == 359
    assert generator.prompt_encoder.mask_input_size == (256, 256)
    with torch.device("meta"):
        sam = sam_model_registry["vit_b"]()
    sams = {key: tensor.shape for key, tensor in sam.state_dict().items()}
    own = {key: tensor.shape for key, tensor in generator.state_dict().items() if ".noise_" not in key}
    assert own == sams


@pytest.mark.parametrize("change", [{"vit_global_blocks": (7,)}, {"noise_size": 64}])
def test_impossible_sizes_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageProblem, match="tiny"):
        SamVitGenerator(GeneratorSpec(**{**SAM.to_json(), **change}))


def test_every_part_of_a_prompt_matters_beside_a_mask(sam: Generator, images: Tensor) -> None:
    noises = [sam(images, prompts()[name]) for name in ("mask", "box and mask", "all")]
    for first in range(3):
        for second in range(first):
            assert (noises[first] - noises[second]).abs().max() > 1e-4

"""The paper's generator: its parts agree with SAM's own, a batch equals its pictures, and prompts do what they say."""

from __future__ import annotations

import pytest
import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import ImageEncoderViT, MaskDecoder
from torch import Tensor

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.generators.foreign import load_sam_checkpoint
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.sam import noise_decoder
from unseg_cli.models.sam.generator import IMAGENET_MEAN, SamVitGenerator
from unseg_cli.models.sam.image_encoder import build_sam_image_encoder
from unseg_cli.models.sam.mask_decoder import BatchedMaskDecoder, sam_transformer
from unseg_cli.models.specs import SPECS, GeneratorSpec

TINY = GeneratorSpec(
    kind="sam_vit",
    name="tiny",
    image_size=64,
    embed_stride=16,
    noise_size=16,
    vit_width=48,
    vit_depth=3,
    vit_heads=3,
    vit_global_blocks=(1, 2),
    vit_window=3,
)
BOXES = torch.tensor([[4.0, 6.0, 40.0, 50.0], [10.0, 2.0, 60.0, 30.0], [0.0, 0.0, 63.0, 63.0]])
POINTS = torch.tensor([[[12.0, 20.0], [30.0, 31.0]], [[40.0, 9.0], [1.0, 1.0]], [[33.0, 33.0], [50.0, 2.0]]])


def seeded(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def generator() -> SamVitGenerator:
    torch.manual_seed(0)
    built = SamVitGenerator(TINY).eval().requires_grad_(False)
    for name, parameter in built.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:  # zero at first, which would hide mistakes
            parameter.copy_(0.2 * torch.randn(parameter.shape))
    return built


@pytest.fixture(scope="module")
def images() -> Tensor:
    return seeded(3, 3, 64, 64)


@pytest.fixture(scope="module")
def masks() -> Tensor:
    return (seeded(3, 1, 16, 16, seed=1) > 0.6).float()


def prompts(masks: Tensor) -> dict[str, Prompt]:
    return {
        "mask": Prompt(mask=masks),
        "box": Prompt(boxes=BOXES),
        "points": Prompt(points=POINTS),
        "labelled points": Prompt(points=POINTS, point_labels=torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])),
        "box and mask": Prompt(boxes=BOXES, mask=masks),
        "all": Prompt(boxes=BOXES, mask=masks, points=POINTS),
    }


KINDS = ["mask", "box", "points", "labelled points", "box and mask", "all"]


def only(prompt: Prompt, row: int) -> Prompt:
    def pick(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor[row : row + 1]

    return Prompt(mask=pick(prompt.mask), boxes=pick(prompt.boxes), points=pick(prompt.points), point_labels=pick(prompt.point_labels))


def test_the_decoder_gives_each_picture_what_sams_own_gives_it_alone() -> None:
    torch.manual_seed(0)
    ours = BatchedMaskDecoder(transformer_dim=256, transformer=sam_transformer()).eval()
    sams = MaskDecoder(transformer_dim=256, transformer=sam_transformer()).eval()
    sams.load_state_dict(ours.state_dict(), strict=True)
    embeddings, dense = torch.randn(3, 256, 4, 4), torch.randn(3, 256, 4, 4)
    pe, sparse = torch.randn(1, 256, 4, 4), torch.randn(3, 2, 256)
    with torch.no_grad():
        together = ours.decode(embeddings, pe, sparse, dense)
        masks, iou = ours(embeddings, pe, sparse, dense, multimask_output=True)
        for row in range(3):
            one = slice(row, row + 1)
            expected_masks, expected_iou = sams.predict_masks(embeddings[one], pe, sparse[one], dense[one])
            torch.testing.assert_close(together.masks[one], expected_masks, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(together.iou[one], expected_iou, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(masks, together.masks[:, 1:])
    torch.testing.assert_close(iou, together.iou[:, 1:])
    assert together.masks.shape == (3, 4, 16, 16)
    assert together.tokens.shape == (3, 7, 256)
    assert together.upscaled.shape == (3, 32, 16, 16)
    assert together.src.shape == (3, 256, 4, 4)


def test_the_image_encoder_is_sams_and_hands_out_the_global_blocks() -> None:
    torch.manual_seed(0)
    ours = build_sam_image_encoder(TINY, 256).eval()
    image = torch.randn(2, 3, 64, 64)
    seen = {}
    for index, block in enumerate(ours.blocks):
        block.register_forward_hook(lambda _module, _inputs, output, index=index: seen.update({index: output}))
    with torch.no_grad():
        embedding, tokens = ours.encode(image)
        torch.testing.assert_close(embedding, ImageEncoderViT.forward(ours, image))
        torch.testing.assert_close(embedding, ours(image))
    assert len(tokens) == len(TINY.vit_global_blocks)
    for index, output in zip(TINY.vit_global_blocks, tokens, strict=True):
        torch.testing.assert_close(output, seen[index])


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_equals_its_pictures_one_by_one(generator: SamVitGenerator, images: Tensor, masks: Tensor, kind: str) -> None:
    prompt = prompts(masks)[kind]
    with torch.no_grad():
        together = generator(images, prompt)
        alone = torch.cat([generator(images[row : row + 1], only(prompt, row)) for row in range(3)])
    assert together.shape == (3, 3, TINY.noise_size, TINY.noise_size)
    assert together.abs().max() <= 1
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_every_part_of_a_prompt_matters(generator: SamVitGenerator, images: Tensor, masks: Tensor) -> None:
    with torch.no_grad():
        noises = [generator(images, prompt) for prompt in prompts(masks).values()]
    for first in range(len(noises)):
        for second in range(first):
            assert (noises[first] - noises[second]).abs().max() > 1e-4, (KINDS[first], KINDS[second])


def test_points_alone_get_sams_padding_point_and_points_with_a_box_do_not(generator: SamVitGenerator) -> None:
    sparse, dense = generator.encode_prompt(Prompt(points=POINTS))
    assert sparse.shape == (3, 3, 256)
    torch.testing.assert_close(sparse[:, 2], generator.prompt_encoder.not_a_point_embed.weight.expand(3, -1))
    torch.testing.assert_close(dense, generator.prompt_encoder.no_mask_embed.weight.view(1, -1, 1, 1).expand_as(dense))
    assert generator.encode_prompt(Prompt(points=POINTS, boxes=BOXES))[0].shape == (3, 4, 256)
    assert generator.encode_prompt(Prompt(boxes=BOXES))[0].shape == (3, 2, 256)


def test_a_mask_prompt_becomes_0_and_255_on_four_cells_an_embedding_cell(generator: SamVitGenerator) -> None:
    full = torch.zeros(1, 1, 64, 64)
    full[..., :30, 20:] = 1
    plane = generator.mask_plane(full)
    assert plane.shape == (1, 1, 16, 16)
    assert set(plane.unique().tolist()) == {0.0, 255.0}
    assert bool((plane[..., :7, 5:] == 255).all())
    assert bool((plane[..., 8:, :] == 0).all())
    assert generator.mask_plane(torch.full((1, 1, 16, 16), 0.49)).max() == 0


def test_mean_coloured_pictures_reach_the_encoder_as_zeros(
    generator: SamVitGenerator, masks: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    encode = generator.image_encoder.encode
    monkeypatch.setattr(generator.image_encoder, "encode", lambda image: seen.append(image) or encode(image))
    grey = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    with torch.no_grad():
        generator(grey, Prompt(mask=masks[:1]))
        generator(torch.zeros(1, 3, 64, 64), Prompt(mask=masks[:1]))
    assert seen[0].abs().max() < 1e-6
    # Black padding is normalised like black pixels: it is not zero for the encoder.
    torch.testing.assert_close(seen[1][0, :, 0, 0], torch.tensor([-2.1179, -2.0357, -1.8044]), atol=1e-3, rtol=0)


def test_an_empty_prompt_is_refused_with_a_way_out(generator: SamVitGenerator, images: Tensor) -> None:
    with pytest.raises(UsageProblem, match="needs a prompt") as caught:
        generator(images, Prompt())
    assert "--masks" in caught.value.hint
    assert not TINY.finds_objects


def test_noise_is_read_one_token_early(generator: SamVitGenerator, images: Tensor, masks: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert noise_decoder.FIRST_NOISE_POSITION == 4
    decoder = generator.mask_decoder
    read = []
    handles = [mlp.register_forward_hook(lambda _module, inputs, _output: read.append(inputs[0])) for mlp in decoder.noise_mlp]
    outputs = []
    decode = decoder.decode
    monkeypatch.setattr(decoder, "decode", lambda *args, **kwargs: outputs.append(decode(*args, **kwargs)) or outputs[-1])
    with torch.no_grad():
        generator(images, Prompt(mask=masks))
    for handle in handles:
        handle.remove()
    tokens = outputs[0].tokens
    assert tokens.shape[1] == 1 + 4 + 3  # IoU, masks, noise; a mask adds no token
    for channel in range(3):
        torch.testing.assert_close(read[channel], tokens[:, 4 + channel])


def test_gradients_reach_every_noise_parameter_and_only_prompts_of_other_kinds_are_left_out(images: Tensor, masks: Tensor) -> None:
    torch.manual_seed(0)
    generator = SamVitGenerator(TINY)
    generator(images, Prompt(mask=masks)).square().mean().backward()
    trained = generator.noise_parameters()
    assert sum(parameter.numel() for parameter in trained) == sum(
        parameter.numel() for name, parameter in generator.named_parameters() if name.startswith("mask_decoder.noise_")
    )
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in trained)


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
        SamVitGenerator(GeneratorSpec(**{**TINY.to_json(), **change}))


def test_a_sam_checkpoint_fills_everything_but_the_noise(tmp_path, generator: SamVitGenerator) -> None:
    sam_only = {key: tensor for key, tensor in generator.state_dict().items() if ".noise_" not in key}
    path = tmp_path / "sam.pth"
    torch.save(sam_only, path)
    torch.manual_seed(9)
    fresh = SamVitGenerator(TINY)
    noise_before = {key: tensor.clone() for key, tensor in fresh.state_dict().items() if ".noise_" in key}
    load_sam_checkpoint(fresh, path)
    state = fresh.state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in sam_only.items())
    assert all(torch.equal(state[key], tensor) for key, tensor in noise_before.items())


def test_a_checkpoint_of_another_sam_is_refused_and_changes_nothing(tmp_path, generator: SamVitGenerator) -> None:
    other = {key: tensor for key, tensor in generator.state_dict().items() if ".noise_" not in key}
    other["image_encoder.blocks.9.norm1.weight"] = torch.ones(48)
    del other["image_encoder.pos_embed"]
    path = tmp_path / "sam_vit_h.pth"
    torch.save(other, path)
    before = {key: tensor.clone() for key, tensor in generator.state_dict().items()}
    with pytest.raises(EnvironmentProblem, match=r"1 missing \(image_encoder\.pos_embed\); 1 unexpected \(image_encoder\.blocks\.9"):
        load_sam_checkpoint(generator, path)
    assert all(torch.equal(tensor, before[key]) for key, tensor in generator.state_dict().items())


def test_channels_last_memory_gives_the_same_noise(images: Tensor, masks: Tensor) -> None:
    torch.manual_seed(0)
    generator = SamVitGenerator(TINY).eval().requires_grad_(False)
    expected = generator(images, Prompt(mask=masks))
    generator.to(memory_format=torch.channels_last)
    noise = generator(images.to(memory_format=torch.channels_last), Prompt(mask=masks))
    torch.testing.assert_close(noise, expected, atol=1e-5, rtol=0)

"""MAE's weights in the form that its authors publish, in SAM's encoder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.generators.conftest import TINY
from unseg_cli.core.errors import UsageProblem
from unseg_cli.generators.mae import load_mae, on_grid
from unseg_cli.models.sam.image_encoder import build_sam_image_encoder

SPEC = dataclasses.replace(TINY, vit_width=48, vit_depth=2, vit_heads=3, vit_global_blocks=(0, 1))


@pytest.fixture(scope="module")
def vit() -> torch.nn.Module:
    """A plain ViT whose state dict has MAE's names, with a grid of 4 x 4 and LayerNorm at MAE's 1e-6."""
    torch.manual_seed(0)
    built = timm.models.vision_transformer.VisionTransformer(
        img_size=64, patch_size=16, embed_dim=48, depth=2, num_heads=3, num_classes=0, global_pool="token"
    )
    return built.eval().requires_grad_(False)


def published(vit: torch.nn.Module, path: Path, **changes: Tensor) -> Path:
    torch.save(
        {"model": {**vit.state_dict(), "mask_token": torch.zeros(1, 1, 48), "decoder_blocks.0.norm1.weight": torch.ones(8), **changes}},
        path,
    )
    return path


def test_the_blocks_compute_what_mae_computes(vit: torch.nn.Module, tmp_path: Path) -> None:
    encoder = build_sam_image_encoder(SPEC, 256, image_size=64).eval().requires_grad_(False)
    taken, of = load_mae(encoder, published(vit, tmp_path / "mae.pth"))
    assert (taken, of) == (2 * 12 + 2 + 1, len(encoder.state_dict()))  # 12 tensors a block, the patches' two, the positions
    image = torch.rand(2, 3, 64, 64)
    # SAM has no class token: the plain ViT without its own is the same network.
    tokens = vit.patch_embed(image) + vit.pos_embed[:, 1:]
    for block in vit.blocks:
        tokens = block(tokens)
    _, after_blocks = encoder.encode(image)
    torch.testing.assert_close(after_blocks[-1].flatten(1, 2), tokens, atol=1e-4, rtol=1e-4)


def test_positions_are_interpolated_and_the_rest_keeps_its_start(vit: torch.nn.Module, tmp_path: Path) -> None:
    encoder = build_sam_image_encoder(SPEC, 256, image_size=128)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    load_mae(encoder, published(vit, tmp_path / "mae.pth"))
    after = encoder.state_dict()
    square = vit.pos_embed[:, 1:].reshape(1, 4, 4, 48).permute(0, 3, 1, 2)
    expected = F.interpolate(square, (8, 8), mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
    torch.testing.assert_close(after["pos_embed"], expected)
    kept = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if name.startswith("neck.") or "rel_pos" in name} <= kept
    assert not any(name.endswith("mlp.lin1.weight") for name in kept)


def test_a_grid_of_the_same_size_is_not_touched() -> None:
    row = torch.arange(1.0 + 9).view(1, 10, 1)
    assert on_grid(row, (3, 3))[0, :, :, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert on_grid(row[:, 1:], (3, 3)).shape == (1, 3, 3, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"blocks.1.mlp.fc2.weight": torch.zeros(48, 96)},
        {"pos_embed": torch.zeros(1, 18, 48)},
        {"patch_embed.proj.weight": torch.zeros(48, 3, 8, 8)},
    ],
    ids=["another width", "no square", "another patch size"],
)
def test_another_vit_is_refused_and_named(change: dict[str, Tensor], vit: torch.nn.Module, tmp_path: Path) -> None:
    encoder = build_sam_image_encoder(SPEC, 256, image_size=64)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with pytest.raises(UsageProblem, match="1 of 27 tensors") as caught:
        load_mae(encoder, published(vit, tmp_path / "mae.pth", **change))
    assert next(iter(change)).replace("fc2", "lin2") in caught.value.message
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())

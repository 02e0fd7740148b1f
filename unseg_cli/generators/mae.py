"""MAE's published ViT weights, for SAM's image encoder: other names, a class token, another grid."""

from __future__ import annotations

import math
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from unseg_cli.core.errors import UsageProblem
from unseg_cli.generators.foreign import read_state_dict

#: MAE's name of a part of a block -> SAM's.
RENAMED = {".mlp.fc1.": ".mlp.lin1.", ".mlp.fc2.": ".mlp.lin2."}
POSITIONS = "pos_embed"


def load_mae(encoder: nn.Module, path: Path) -> tuple[int, int]:
    """Put MAE's encoder into SAM's, in place. What MAE does not have (relative positions, the neck) keeps its start.

    Args:
        encoder: `build_sam_image_encoder`'s.
        path: such as `mae_pretrain_vit_base.pth`: a state dict, bare or under "model". Its class token, last norm and decoder are not
            needed; its position embedding, a row of tokens, is laid out as a square and interpolated to the encoder's grid.

    Returns:
        How many of the encoder's tensors were taken from the file, and how many it has.

    Raises:
        EnvironmentProblem: the file cannot be read.
        UsageProblem: it lacks tensors of the patch embedding or of a block, or has them in another shape.
    """
    own, found = encoder.state_dict(), {_sams_name(name): tensor for name, tensor in read_state_dict(path).items()}
    if POSITIONS in found and POSITIONS in own:
        found[POSITIONS] = on_grid(found[POSITIONS], (own[POSITIONS].shape[1], own[POSITIONS].shape[2]))
    fitting = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    needed = [name for name in own if name == POSITIONS or (name.startswith(("patch_embed.", "blocks.")) and "rel_pos" not in name)]
    lacking = [name for name in needed if name not in fitting]
    if lacking:
        raise UsageProblem(
            f"--surrogate-weights {path}: {len(lacking)} of {len(needed)} tensors of the surrogate's ViT are missing or of another shape, "
            f"first {lacking[0]}",
            hint="pass MAE's weights of a ViT of the same width, depth and patch size, such as mae_pretrain_vit_base.pth for vit_b",
        )
    encoder.load_state_dict(fitting, strict=False)
    return len(fitting), len(own)


def on_grid(positions: Tensor, size: tuple[int, int]) -> Tensor:
    """A position embedding for another grid.

    Args:
        positions: (1, n * n, D) in rows from the top left, or with a class token in front (1, 1 + n * n, D); or SAM's (1, n, n, D).
        size: rows and columns wanted.

    Returns:
        (1, *size, D); one that cannot be laid out as a square is returned as it is.
    """
    if positions.dim() == 3:
        count, width = positions.shape[1], positions.shape[2]
        side = math.isqrt(count)
        if side * side not in (count, count - 1):
            return positions
        positions = positions[:, count - side * side :].reshape(1, side, side, width)
    if positions.dim() != 4 or tuple(positions.shape[1:3]) == size:
        return positions
    planes = F.interpolate(positions.permute(0, 3, 1, 2).float(), size, mode="bicubic", align_corners=False)
    return planes.permute(0, 2, 3, 1).contiguous()


def _sams_name(name: str) -> str:
    for theirs, ours in RENAMED.items():
        name = name.replace(theirs, ours)
    return name

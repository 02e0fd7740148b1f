"""SAM's checkpoint for a network of SAM's that takes pictures of another size."""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from unseg_cli.generators.foreign import read_state_dict, require_keys
from unseg_cli.generators.mae import POSITIONS, on_grid

#: What SAM-HQ has and SAM has not.
ADDED = "mask_decoder.hq_"
IMAGE_POSITIONS = f"image_encoder.{POSITIONS}"
RELATIVE = ".attn.rel_pos_"


def load_sam_at_size(network: nn.Module, path: Path) -> None:
    """Fill a network from a checkpoint such as `sam_vit_b_01ec64.pth`, in place; SAM-HQ's own parameters keep their start.

    Positions are interpolated to the network's grid, as SAM's own code does with relative ones.

    Args:
        network: `image_encoder`, `prompt_encoder` and `mask_decoder`, with SAM's names.
        path: the file.

    Raises:
        EnvironmentProblem: unreadable, or not the checkpoint of a SAM of this width and depth.
    """
    found, own = read_state_dict(path), network.state_dict()
    fitted = {name: _fitted(name, tensor, own[name]) if name in own else tensor for name, tensor in found.items()}
    wanted = {name: tensor for name, tensor in own.items() if not name.startswith(ADDED)}
    require_keys(wanted, fitted, path=path, what="the SAM checkpoint of this victim")
    network.load_state_dict({**own, **fitted}, strict=True)


def _fitted(name: str, tensor: Tensor, own: Tensor) -> Tensor:
    if name == IMAGE_POSITIONS:
        return on_grid(tensor, (own.shape[1], own.shape[2]))
    if RELATIVE in name and len(tensor) != len(own):
        return F.interpolate(tensor.T[None].float(), len(own), mode="linear")[0].T.contiguous()
    return tensor

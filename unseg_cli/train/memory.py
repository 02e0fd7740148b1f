"""How much a forward pass keeps for the way back, found out without computing anything."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def activation_bytes(forward: Callable[[], Tensor], *networks: nn.Module) -> int:
    """Bytes that autograd keeps of a forward pass; parameters, which are there anyway, do not count.

    Args:
        forward: of networks and pictures on the meta device, where tensors have a shape and nothing else.
        networks: whose parameters and buffers they are.
    """
    kept: dict[int, int] = {}
    there = {tensor.untyped_storage()._cdata for network in networks for tensor in (*network.parameters(), *network.buffers())}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()  # that of a view is that of what it shows
        if storage._cdata not in there:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = forward()
        del result
    return sum(kept.values())

"""How much a forward pass keeps for the way back, found out without computing anything."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def activation_bytes(forward: Callable[[], Tensor]) -> int:
    """Bytes that autograd keeps of a forward pass; parameters, which are there anyway, do not count.

    Args:
        forward: of networks and pictures on the meta device, where tensors have a shape and nothing else.
    """
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not tensor.is_leaf or not tensor.requires_grad:
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = forward()
        del result
    return sum(kept.values())

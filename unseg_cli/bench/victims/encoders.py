"""What victims of segmentation-models-pytorch can be built on: EfficientNet-Lite0, and the paper's five encoders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unseg_cli.bench.victims.base import ENCODER, LITE0, Normalisation, VictimSpec
from unseg_cli.bench.victims.registry import ENCODERS
from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.models.imagenet import load_imagenet_lite0

#: Of everything that was trained on ImageNet in the usual way.
USUAL = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Encoder:
    """An encoder by the names of the libraries.

    Attributes:
        library_name: in segmentation-models-pytorch.
        normalisation: of its ImageNet weights.
    """

    library_name: str
    normalisation: Normalisation = USUAL


KNOWN = {
    "lite0": Encoder(f"tu-{ENCODER}", LITE0),
    "resnet50": Encoder("resnet50"),
    "densenet169": Encoder("densenet169"),
    "efficientnet-b6": Encoder("efficientnet-b6"),
    "res2net50": Encoder("tu-res2net50_26w_4s"),
    "regnetx": Encoder("tu-regnetx_032"),
}
assert set(KNOWN) == set(ENCODERS)


def network_on(architecture: type[nn.Module], spec: VictimSpec, **options: Any) -> Any:
    """A network of segmentation-models-pytorch on the encoder that is asked for, with its weights.

    Args:
        architecture: of the library.
        spec: says the encoder, and whether and from where it is pretrained.
        options: of the architecture.

    Raises:
        EnvironmentProblem: pretrained, and the weights are not there: neither in a package, nor in a file, nor on the hub.
        UsageProblem: the file's weights are of another network.
    """
    encoder = KNOWN[spec.encoder]
    offline = spec.encoder == "lite0" or spec.encoder_weights is not None or not spec.pretrained
    try:
        network: Any = architecture(encoder.library_name, encoder_weights=None if offline else "imagenet", **options)
    except ValueError as problem:  # some cannot be made to keep the size that DeepLab needs
        what = f"{architecture.__name__} cannot be built on {spec.encoder} ({problem})"
        raise UsageProblem(what, hint="name another --encoder") from None
    except Exception as problem:  # the hub's own errors, of several libraries
        if offline:
            raise
        raise EnvironmentProblem(
            f"the ImageNet weights of {spec.encoder} cannot be fetched ({str(problem).splitlines()[0]})",
            hint="pass --encoder-weights FILE, or --init scratch",
        ) from None
    if spec.pretrained and spec.encoder_weights is not None:
        load_file(network.encoder, spec.encoder_weights)
    elif spec.pretrained and spec.encoder == "lite0":
        load_imagenet_lite0(network.encoder.model)
    return network.to(memory_format=torch.channels_last)


def load_file(encoder: nn.Module, path: Path) -> None:
    """Fill an encoder from a file of its weights, classifier or not.

    Raises:
        EnvironmentProblem: it cannot be read.
        UsageProblem: it lacks something, or something has another shape.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file as load

            given: dict[str, Tensor] = load(path)
        else:
            given = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # whatever a broken file makes of the reader
        raise EnvironmentProblem(f"{path} cannot be read ({str(problem).splitlines()[0]})", hint="name a file of weights") from None
    inner = getattr(encoder, "model", encoder)  # timm's own, where the library has wrapped it
    wanted = inner.state_dict()
    absent = [name for name, tensor in wanted.items() if name not in given or given[name].shape != tensor.shape]
    if absent:
        what = f"{path} holds other weights: {len(absent)} of {len(wanted)} tensors are not in it, first {absent[0]}"
        raise UsageProblem(what, hint="name the weights of this very encoder")
    inner.load_state_dict({name: given[name] for name in wanted})

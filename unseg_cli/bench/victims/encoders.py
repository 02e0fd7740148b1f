"""What victims can be built on: EfficientNet-Lite0, the paper's five encoders, SAM's own, and where ImageNet weights come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
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
        library_name: in segmentation-models-pytorch; "" where that has none.
        normalisation: of its weights.
        timm_name: in timm, where victims of other libraries are built on it.
    """

    library_name: str
    normalisation: Normalisation = USUAL
    timm_name: str = ""


KNOWN = {
    "lite0": Encoder(f"tu-{ENCODER}", LITE0, ENCODER),
    "resnet50": Encoder("resnet50", timm_name="resnet50"),
    "densenet169": Encoder("densenet169"),
    "efficientnet-b6": Encoder("efficientnet-b6"),
    "res2net50": Encoder("tu-res2net50_26w_4s"),
    "regnetx": Encoder("tu-regnetx_032"),
    "vit_b": Encoder(""),
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
    encoder, hub = KNOWN[spec.encoder], asks_the_hub(spec)
    with from_the_hub(spec):
        try:
            network: Any = architecture(encoder.library_name, encoder_weights="imagenet" if hub else None, **options)
        except ValueError as problem:  # some cannot be made to keep the size that DeepLab needs
            what = f"{architecture.__name__} cannot be built on {spec.encoder} ({problem})"
            raise UsageProblem(what, hint="name another --encoder") from None
    if spec.pretrained and not hub:
        _fill_offline(network.encoder, spec)
    return network.to(memory_format=torch.channels_last)


def fill(encoder: nn.Module, spec: VictimSpec) -> None:
    """Put ImageNet weights into timm's own network on `Encoder.timm_name`, in place; nothing from scratch.

    Raises:
        EnvironmentProblem: the weights are not there: neither in a package, nor in a file, nor on the hub.
        UsageProblem: the file's weights are of another network.
    """
    if not spec.pretrained:
        return
    if not asks_the_hub(spec):
        _fill_offline(encoder, spec)
        return
    with from_the_hub(spec):
        known = timm.create_model(KNOWN[spec.encoder].timm_name, pretrained=True).state_dict()
    encoder.load_state_dict({name: known[name] for name in encoder.state_dict()})


def asks_the_hub(spec: VictimSpec) -> bool:
    """Whether the weights are neither in a package nor in a file."""
    return spec.pretrained and spec.encoder != "lite0" and spec.encoder_weights is None


@contextmanager
def from_the_hub(spec: VictimSpec) -> Iterator[None]:
    """Say in one line that weights cannot be fetched, whichever library's error that is.

    Raises:
        EnvironmentProblem: instead of it.
    """
    try:
        yield
    except UsageProblem:
        raise
    except Exception as problem:
        if not asks_the_hub(spec):
            raise
        raise EnvironmentProblem(
            f"the ImageNet weights of {spec.encoder} cannot be fetched ({str(problem).splitlines()[0]})",
            hint="pass --encoder-weights FILE, or --init scratch",
        ) from None


def _fill_offline(encoder: nn.Module, spec: VictimSpec) -> None:
    if spec.encoder_weights is not None:
        load_file(encoder, spec.encoder_weights)
    else:
        load_imagenet_lite0(getattr(encoder, "model", encoder))


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

"""Builds networks from a generator's spec. No weights are read here: see `unseg_cli.generators.files`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import nn

from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.models.lite.generator import LiteGenerator
from unseg_cli.models.sam.generator import SamLiteGenerator, SamVitGenerator
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.models.specs import SPECS, GeneratorSpec
from unseg_cli.models.surrogate import lite_surrogate, vit_surrogate

Generator: TypeAlias = "LiteGenerator | SamVitGenerator | SamLiteGenerator"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The networks of a kind of generator.

    Attributes:
        generator: from its spec.
        surrogate: from the generator's spec and the side of its own square input in pixels.
    """

    generator: Callable[[GeneratorSpec], Generator]
    surrogate: Callable[[GeneratorSpec, int], PromptableSegmenter]


#: `GeneratorSpec.kind` -> what is built of it.
KINDS: dict[str, Kind] = {
    "lite": Kind(generator=LiteGenerator, surrogate=lite_surrogate),
    "sam_vit": Kind(generator=SamVitGenerator, surrogate=vit_surrogate),
    "sam_lite": Kind(generator=SamLiteGenerator, surrogate=lite_surrogate),
}


def build_generator(which: str | GeneratorSpec) -> Generator:
    """A generator with random weights.

    Args:
        which: a name in `SPECS`, or a spec.

    Raises:
        UsageProblem: unknown name or kind.
    """
    if isinstance(which, str):
        if which not in SPECS:
            raise UsageProblem(f"no generator is called {which!r}", hint=did_you_mean(which, list(SPECS)))
        which = SPECS[which]
    return _kind(which).generator(which)


def build_surrogate(spec: GeneratorSpec, image_size: int) -> PromptableSegmenter:
    """A surrogate for training the generator of `spec`, with random weights.

    Args:
        spec: the generator's.
        image_size: side of the surrogate's square input in pixels; a multiple of 32.

    Raises:
        UsageProblem: unknown kind.
    """
    return _kind(spec).surrogate(spec, image_size)


def recompute(network: nn.Module, wanted: bool) -> None:
    """Have a generator's or surrogate's image encoder keep little of a forward pass and run it again on the way back, or not."""
    encoder: Any = network.image_encoder  # every kind of encoder has the attribute
    encoder.recompute = wanted


def _kind(spec: GeneratorSpec) -> Kind:
    if spec.kind not in KINDS:
        raise UsageProblem(f"unknown generator kind {spec.kind!r}", hint="the weights file may come from a newer version")
    return KINDS[spec.kind]

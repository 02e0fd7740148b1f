"""Builds a generator from its spec. No weights are read here: see `unseg_cli.generators.files`."""

from __future__ import annotations

from typing import TypeAlias

from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.models.lite.generator import LiteGenerator
from unseg_cli.models.sam.generator import SamVitGenerator
from unseg_cli.models.specs import SPECS, GeneratorSpec

Generator: TypeAlias = "LiteGenerator | SamVitGenerator"


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
    if which.kind == "lite":
        return LiteGenerator(which)
    if which.kind == "sam_vit":
        return SamVitGenerator(which)
    raise UsageProblem(f"unknown generator kind {which.kind!r}", hint="the weights file may come from a newer version")

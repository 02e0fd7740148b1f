"""Networks alone, tensors in and tensors out: no file is read here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer

if TYPE_CHECKING:
    from unseg_cli.models.build import build_generator
    from unseg_cli.models.prompt import Prompt
    from unseg_cli.models.specs import GeneratorSpec

__all__ = [
    "GeneratorSpec",
    "Prompt",
    "build_generator",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "GeneratorSpec": "unseg_cli.models.specs",
        "Prompt": "unseg_cli.models.prompt",
        "build_generator": "unseg_cli.models.build",
    },
)

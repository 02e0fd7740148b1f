"""Names that a package offers without importing what they are made of: `--help` must not wait for torch."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from unseg_cli.core.extras import MissingPackage


def offer(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose public names live in its modules.

    Args:
        package: its `__name__`.
        homes: public name -> the module that it is imported from on first use. Where that needs a package that is not installed, the
            first use raises `MissingPackage`.
    """

    def getattr_(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(importlib.import_module(homes[name]), name)
        except ModuleNotFoundError as problem:
            if not problem.name or problem.name.partition(".")[0] == package.partition(".")[0]:
                raise
            raise MissingPackage(f"{name} needs {problem.name}, which is not installed", module=problem.name) from problem

    def dir_() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return getattr_, dir_

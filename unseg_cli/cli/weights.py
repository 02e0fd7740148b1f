"""`unseg weights list | path | verify | import`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from unseg_cli.cli.options import command
from unseg_cli.core.events import Events, Report
from unseg_cli.core.settings import argument, option

weights_app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="List, find, check or import generators.")


@dataclass(frozen=True, kw_only=True)
class PathConfig:
    """Settings of `unseg weights path`."""

    name: str = argument("lite", help="A generator's name.")


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """Settings of `unseg weights import`."""

    file: Path = argument(help="The authors' Generator_*.pth, or a generator.safetensors.")
    name: str | None = option(None, help="What to call it.  [default: the name in the file]")


@command(weights_app, name="weights list")
def weights_list(events: Events) -> Report:
    """Every generator that a name can mean: shipped, imported or absent."""
    from unseg_cli.generators.shelf import weights_list as workflow

    return workflow(events)


@command(weights_app, name="weights path")
def weights_path(config: PathConfig, events: Events) -> Report:
    """Where a generator's weights lie."""
    from unseg_cli.generators.shelf import weights_path as workflow

    return workflow(config.name)


@command(weights_app, name="weights verify")
def weights_verify(events: Events) -> Report:
    """Hash the weights files and compare with the recorded sums."""
    from unseg_cli.generators.shelf import weights_verify as workflow

    return workflow()


@command(weights_app, name="weights import")
def weights_import(config: ImportConfig, events: Events) -> Report:
    """Turn released weights into safetensors, for `--generator NAME`."""
    from unseg_cli.generators.shelf import weights_import as workflow

    return workflow(config.file, config.name)

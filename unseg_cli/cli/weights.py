"""`unseg weights list | path | verify | import | fetch`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from unseg_cli.cli.options import command
from unseg_cli.core.events import Events, Report
from unseg_cli.core.settings import argument, option

weights_app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="List, find, check, import or fetch weights.")


@dataclass(frozen=True, kw_only=True)
class PathConfig:
    """Settings of `unseg weights path`."""

    name: str = argument("lite", help="A generator's name.")


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """Settings of `unseg weights import`."""

    file: Path = argument(help="The authors' Generator_*.pth, or a generator.safetensors.")
    name: str | None = option(None, help="What to call it.  [default: the name in the file]")


@dataclass(frozen=True, kw_only=True)
class FetchConfig:
    """Settings of `unseg weights fetch`."""

    name: str = argument(help="sam_vit_b, sam_vit_l or sam_vit_h; or what to call another file.")
    url: str | None = option(None, metavar="URL", help="Where it is instead.")
    sha256: str | None = option(None, metavar="HEX", help="The hash of another file.")


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


@command(weights_app, name="weights fetch", unit="MB")
def weights_fetch(config: FetchConfig, events: Events) -> Report:
    """Download weights into the cache, and check their hash. The only command that downloads anything."""
    from unseg_cli.generators.fetching import weights_fetch as workflow

    return workflow(config.name, events, url=config.url, sha256=config.sha256)

"""Options of `unseg protect` that exclude each other, refused before anything is read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem
from unseg_cli.pictures.masks import MaskRule
from unseg_cli.pictures.stores.remote import url_of
from unseg_cli.protect.config import ProtectConfig

STREAM = Path("-")


def is_stream(config: ProtectConfig) -> bool:
    """Whether SRC or DST is standard input or output."""
    return STREAM in (config.src, config.dst)


def refuse_conflicts(config: ProtectConfig, rule: MaskRule) -> None:
    """Refuse what cannot be honoured together.

    Args:
        config: what was asked for.
        rule: what `config.mask_rule` means.

    Raises:
        UsageProblem: two options exclude each other, or one needs another kind of SRC, DST or masks.
    """
    if config.watch:
        _of_watching(config)
    if config.engine == "ray":
        _of_ray(config)
    if is_stream(config):
        _of_streams(config)
    if config.dataset is not None:
        _of_data_sets(config)
    if config.per_class and (config.masks is None or rule.colour):
        raise UsageProblem(
            f"--per-class needs masks of class numbers, not {'--mask-rule ' + rule.name if rule.colour else 'none'}",
            hint="pass --masks DIR --mask-rule not-void, or class:7,9",
        )
    if config.per_class and (config.budget.visible not in (None, NoiseBudget.visible) or config.budget.closely):
        raise UsageProblem(
            f"--per-class knows no limit of what may be seen, so a difference of {config.budget.visible:g} cannot be kept",
            hint="omit --strength, --max-difference and --closely, or bound the noise: --epsilon 4/255",
        )


def _of_watching(config: ProtectConfig) -> None:
    if not config.src.is_dir() or url_of(config.dst) or (config.masks is not None and url_of(config.masks)):
        raise UsageProblem(f"--watch needs folders of this machine: SRC {config.src} or another place is none", hint="omit --watch")
    of_one_run = {"--files-from": config.files_from, "--limit": config.limit, "--dry-run": config.dry_run, "--fail-fast": config.fail_fast}
    if option := _first_given(of_one_run):
        raise UsageProblem(f"--watch and {option} exclude each other", hint=f"omit {option}, or --watch")
    if config.masks is not None and not config.masks.is_dir():
        raise UsageProblem(f"--watch needs a folder of masks, and --masks {config.masks} is none", hint="name a folder")


def _of_ray(config: ProtectConfig) -> None:
    of_this_machine = {
        "--save-noise": config.save_noise,
        "--preview": config.preview,
        "--report": config.report,
        "--watch": config.watch,
        "--fail-fast": config.fail_fast,
        "--batch-size": config.batch_size,
    }
    if option := _first_given(of_this_machine):
        raise UsageProblem(f"{option} and --engine ray exclude each other", hint=f"omit {option}, or --engine ray")
    if url_of(config.src) is None and not config.src.is_dir():
        raise UsageProblem(f"--engine ray needs a folder or an address, and SRC {config.src} is none", hint="omit --engine ray")


def _of_streams(config: ProtectConfig) -> None:
    of_folders = {
        "--files-from": config.files_from,
        "--include": config.include,
        "--exclude": config.exclude,
        "--limit": config.limit,
        "--dry-run": config.dry_run,
        "--save-noise": config.save_noise,
        "--preview": config.preview,
        "--report": config.report,
        "--watch": config.watch,
    }
    if option := _first_given(of_folders):
        raise UsageProblem(f"{option} needs folders, not standard input and output", hint=f"omit {option}, or name files")
    if config.masks is not None and not config.masks.is_file():
        raise UsageProblem(f"--masks {config.masks} is no file, and one picture has one mask", hint="name its mask file")
    if config.src == STREAM and sys.stdin.isatty():
        raise UsageProblem("SRC - reads a picture from standard input, which is a terminal", hint="unseg protect - - < in.jpg > out.jpg")
    if config.src != STREAM and not config.src.is_file():
        raise UsageProblem(f"SRC {config.src} is not one picture", hint="DST - takes one: name a file, or - for standard input")
    if config.dst == STREAM and sys.stdout.isatty():
        raise UsageProblem("DST - writes a picture to standard output, which is a terminal", hint="unseg protect - - < in.jpg > out.jpg")
    if config.dst != STREAM and config.dst.exists() and (config.dst.is_dir() or not config.overwrite):
        what = "is a folder" if config.dst.is_dir() else "exists"
        raise UsageProblem(f"DST {config.dst} {what}", hint="name a file that is not there yet, or add --overwrite to replace one")


def _of_data_sets(config: ProtectConfig) -> None:
    others = {
        "--masks": config.masks,
        "--files-from": config.files_from,
        "--watch": config.watch,
        "--engine ray": config.engine == "ray",
        "--format": config.format != "keep",
        "--longest-side": config.longest_side,
    }
    if option := _first_given(others):
        raise UsageProblem(f"{option} and --dataset exclude each other", hint=f"omit {option}, or --dataset")
    if url_of(config.dst):
        raise UsageProblem(f"--dataset is written to a folder, and DST {config.dst} is an address", hint="name a folder")


def _first_given(options: Mapping[str, object]) -> str | None:
    """The first that was given a value."""
    return next((option for option, value in options.items() if value), None)

"""The settings of `unseg protect` and `unseg verify`, which are their options."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.common_settings import (
    batch_size_option,
    budget_options,
    device_option,
    epsilon_text,
    generator_option,
    mask_rule_option,
    read_budget,
    workers_option,
)
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.settings import argument, joined, option
from unseg_cli.datasets.addresses import kind_and_rest, paths_of


@dataclass(frozen=True, kw_only=True)
class ProtectConfig:
    """Settings of `unseg protect`."""

    src: Path = argument(help="A picture, or a folder of pictures, or s3://...; -: one from stdin.")
    dst: Path = argument(Path(), help="Where the protected tree goes, never SRC itself, or s3://...; -: one picture to stdout.")
    dataset: str | None = option(
        None,
        group="Data sets",
        metavar="KIND:ROOT",
        help="Protect a data set in its own layout; --mask-rule all, multi or single:CLASS.",
    )
    split: str = option("all", choices=("all", "train"), help="Of --dataset; train: copy the test pictures as they are.")
    masks: Path | None = option(None, group="Objects", help="Folder with masks of the same relative names.")
    mask_rule: str = mask_rule_option()
    per_class: bool = option(False, help="Masks hold class numbers: every class gets noise of its own.")
    target: str = option(
        "auto",
        choices=("auto", "whole", "uniform"),
        help="Without a mask: the detected objects, the whole picture, or that in one pattern.",
    )
    budget: NoiseBudget = budget_options()
    generator: str = generator_option()
    sam_checkpoint: Path | None = option(None, help="SAM's own checkpoint, for vit_b.")
    format: str = option("keep", group="Written files", choices=("keep", "png", "jpeg", "webp"), help="File format to write.")
    quality: int | None = option(None, min=1, max=100, help="Of JPEG and WebP.  [default: the source's; JPEG colour at least 90, WebP 95]")
    metadata: str = option("keep", choices=("keep", "strip", "strip-gps"), help="EXIF, ICC and the like.")
    longest_side: int | None = option(
        None, metavar="PIXELS", min=16, help="Make larger pictures smaller, as for the web: they hide more noise then."
    )
    save_noise: Path | None = option(None, metavar="DIR", help="Keep the noise as arrays, for `unseg restore`.")
    preview: Path | None = option(None, metavar="DIR", help="Write clean | protected | noise x16.")
    report: Path | None = option(None, metavar="FILE.html", help="Write a page that says what was done, with some pictures.")
    limit: int | None = option(None, group="Which pictures", min=1, help="Only the first so many pictures, done ones included.")
    include: tuple[str, ...] = option((), metavar="GLOB", help="Only matching paths; may be repeated.")
    exclude: tuple[str, ...] = option((), metavar="GLOB", help="Not matching paths; may be repeated.")
    files_from: str | None = option(None, metavar="FILE|-", help="Only pictures that FILE lists, one path below SRC a line; -: stdin.")
    watch: bool = option(False, help="Go on with what arrives in SRC, until Ctrl-C.")
    overwrite: bool = option(False, group="Run", help="Replace files in DST that no manifest knows.")
    fail_fast: bool = option(False, help="Stop at the first failure.")
    dry_run: bool = option(False, help="Say what would be done; write nothing.")
    engine: str = option("local", choices=("local", "ray"), help="On this machine, or on a cluster of Ray's (RAY_ADDRESS).")
    workers: int | None = workers_option()
    batch_size: int | None = batch_size_option()
    device: str = device_option()


def root_of(dataset: str) -> Path:
    """The folder that all of a data set lies in: ROOT, or for coco:A:B:C:D what its parts have in common. It need not exist."""
    parts = [dataset] if Path(dataset).is_dir() else paths_of(kind_and_rest(dataset)[1])
    try:
        return Path(os.path.commonpath([str(Path(part)) for part in parts]))
    except ValueError:  # some are absolute, some are not
        return Path(parts[0])


def protect_config(**fields: Any) -> ProtectConfig:
    """The settings of what was typed; after --dataset there is a DST and no SRC.

    Raises:
        UsageProblem: DST is missing, or SRC one too many.
    """
    dataset, given = fields.get("dataset"), fields.get("dst") not in (None, Path())
    if dataset is None:
        if not given:
            raise UsageProblem("Missing argument 'DST'.", hint="see `unseg protect --help`")
        if fields.get("split", "all") != "all":
            raise UsageProblem("--split is for --dataset", hint="omit it, or pass --dataset KIND:ROOT")
        return ProtectConfig(**fields)
    if given:
        raise UsageProblem("--dataset says what is protected: SRC is one too many", hint="write unseg protect --dataset KIND:ROOT DST")
    return ProtectConfig(**{**fields, "src": root_of(dataset), "dst": fields["src"]})


def _verify_budget(typed: Mapping[str, Any]) -> NoiseBudget | None:
    if typed["epsilon_bg"] and typed["masks"] is None:
        raise UsageProblem("--epsilon-bg needs --masks: the files do not tell where objects end", hint="pass --masks DIR")
    return read_budget(typed) if typed["epsilon"] or typed["epsilon_bg"] else None


@dataclass(frozen=True, kw_only=True)
class VerifyConfig:
    """Settings of `unseg verify`. Without a budget the one in the manifest is checked, else the default."""

    src: Path = argument(help="The clean picture or folder.")
    dst: Path = argument(help="What `unseg protect` wrote.")
    budget: NoiseBudget | None = joined(
        None,
        epsilon_text("epsilon", "Bound on objects.  [default: the manifest's]"),
        epsilon_text("epsilon_bg", "Bound outside the objects of --masks.  [default: the manifest's]"),
        read=_verify_budget,
    )
    masks: Path | None = option(None, help="Check both bounds, each where these masks say.  [default: the larger, everywhere]")
    mask_rule: str = mask_rule_option()
    only_problems: bool | None = option(
        None,
        flags=("--only-problems/--all-pictures",),
        help="Which pictures are listed.  [default: of more than 20 only those with problems]",
    )


@dataclass(frozen=True, kw_only=True)
class RestoreConfig:
    """Settings of `unseg restore`."""

    protected: Path = argument(help="A protected picture, or a folder of them.")
    noise: Path = argument(help="What `unseg protect --save-noise` kept: a folder, or the file of one picture.")
    out: Path = argument(help="Where the clean pictures go, under the protected ones' names.")
    workers: int | None = workers_option()
    overwrite: bool = option(False, help="Replace other files of these names in OUT.")

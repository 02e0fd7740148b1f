"""One picture's way through `unseg protect`: claim it, decode it, write it, and measure what was written."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli import __version__
from unseg_cli.core.constants import BoolArray
from unseg_cli.core.errors import UnsegError
from unseg_cli.core.runs import write_atomically
from unseg_cli.generators.session import PictureNoise
from unseg_cli.noise.per_class import NO_CLASS, PerClassField
from unseg_cli.pictures.channels import add_noise, noise_kept, within_budget
from unseg_cli.pictures.decode import decoding_errors, expanded, open_image, read_bytes, read_picture
from unseg_cli.pictures.difference import measure
from unseg_cli.pictures.encode import Encoding, choose_encoding, converted, encode_picture
from unseg_cli.pictures.masks import MaskRule, read_classes, read_mask
from unseg_cli.pictures.names import only_mask, stem_of
from unseg_cli.pictures.picture import Picture, PixelArray, same_alpha
from unseg_cli.protect.config import ProtectConfig
from unseg_cli.protect.jobs import Job
from unseg_cli.protect.manifest import Manifest, Row
from unseg_cli.protect.previews import save_noise, save_preview

#: A lossy file that keeps less of the noise than this is not called protected.
LEAST_NOISE_KEPT = 0.1
#: Below this the user is told.
LITTLE_NOISE_KEPT = 0.5


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all pictures of a run share."""

    config: ProtectConfig
    manifest: Manifest
    masks: Mapping[str, list[Path]]
    rule: MaskRule
    generator: str
    generator_sha256: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A picture that is to be protected, not yet decoded."""

    job: Job
    data: bytes
    src_sha256: str
    mask: Path | None
    settings: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A decoded picture, ready for noise.

    Attributes:
        picture: upright, in the depth and space that it will be written in: the clean reference of all measurements.
        mask: (H, W) foreground, or None where no file gives one.
        classes: (H, W) class numbers with --per-class.
        seconds: time spent on it so far.
    """

    claim: Claim
    picture: Picture
    encoding: Encoding
    mask: BoolArray | None
    classes: npt.NDArray[np.int32] | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Noised:
    """A picture with noise, not yet written.

    Attributes:
        pixels: like `loaded.picture.pixels`.
        mask, mask_source, spared: as used by the generator.
        seconds: time spent on it so far.
    """

    loaded: Loaded
    pixels: PixelArray
    mask: BoolArray
    mask_source: str
    spared: bool
    seconds: float


@dataclass(frozen=True)
class UpToDate:
    """A picture whose protected copy is there already, from the same source and settings."""


def claim(context: Context, job: Job) -> Claim | UpToDate:
    """Read the source, unless its protected copy is there and up to date.

    Raises:
        UnsegError: unreadable, no place to write to, or several masks.
    """
    started = time.perf_counter()
    if job.problem:
        raise UnsegError(job.problem, hint=job.hint)
    data = read_bytes(job.src)
    src_sha256 = hashlib.sha256(data).hexdigest()
    mask = only_mask(context.masks.get(stem_of(job.name), []))
    settings = _settings(context, mask)
    row = context.manifest.rows.get(job.name)
    exists = job.dst.exists()
    if exists and row and _up_to_date(row, job, src_sha256, settings) and _has_extras(context.config, job):
        return UpToDate()
    if exists and not context.config.overwrite and not context.manifest.owns(job.dst_name):
        raise UnsegError(f"{job.dst} exists and was not written by an earlier run", hint="move it away, or add --overwrite")
    if (exists and job.dst.samefile(job.src)) or _inside(job.dst.parent, context.config.src):
        raise UnsegError(f"{job.dst} is linked to the originals", hint="originals are never overwritten: give another DST")
    return Claim(job=job, data=data, src_sha256=src_sha256, mask=mask, settings=settings, seconds=time.perf_counter() - started)


def _inside(folder: Path, src: Path) -> bool:
    return src.is_dir() and folder.resolve().is_relative_to(src.resolve())


def _up_to_date(row: Row, job: Job, src_sha256: str, settings: str) -> bool:
    same = (row.get("status"), row.get("dst"), row.get("src_sha256"), row.get("settings")) == (
        "protected",
        job.dst_name,
        src_sha256,
        settings,
    )
    return same and row.get("dst_sha256") == hashlib.sha256(read_bytes(job.dst)).hexdigest()


def _has_extras(config: ProtectConfig, job: Job) -> bool:
    """Whether the preview and the noise file that were asked for are there; a picture without them is done again, to the same bytes."""
    return all(path is None or path.is_file() for path in (_noise_path(config, job), _preview_path(config, job)))


def _noise_path(config: ProtectConfig, job: Job) -> Path | None:
    return config.save_noise and config.save_noise / f"{job.name}.npz"


def _preview_path(config: ProtectConfig, job: Job) -> Path | None:
    return config.preview and config.preview / f"{job.name}.png"


def _settings(context: Context, mask: Path | None) -> str:
    """Fingerprint of everything that decides what is written, beside the source and the version."""
    config = context.config
    parts = {
        "epsilon": config.budget.foreground,
        "epsilon_bg": config.budget.background,
        "generator": context.generator_sha256,
        "target": None if mask else config.target,
        "spare": config.spare,
        "mask": hashlib.sha256(read_bytes(mask)).hexdigest() if mask else None,
        "mask_rule": config.mask_rule if mask else None,
        "per_class": bool(mask) and config.per_class,
        "format": config.format,
        "quality": config.quality,
        "metadata": config.metadata,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def check_header(claimed: Claim) -> None:
    """Whether the file begins like a picture that can be protected, without decoding it (for a dry run).

    Raises:
        UnsegError: it does not.
    """
    with decoding_errors(claimed.data):
        open_image(claimed.data, claimed.job.src).close()


def load(context: Context, claimed: Claim) -> Loaded:
    """Decode a claimed picture and its mask.

    Raises:
        UnsegError: damaged, unsupported, or its mask does not fit.
    """
    started = time.perf_counter()
    config = context.config
    picture = read_picture(claimed.job.src, claimed.data)
    encoding = choose_encoding(picture, format=config.format, quality=config.quality, metadata=config.metadata)
    picture = converted(picture, encoding.kind)
    mask = classes = None
    if claimed.mask is not None and config.per_class:
        classes = read_classes(claimed.mask, context.rule, picture.size)
        mask = classes != NO_CLASS
    elif claimed.mask is not None:
        mask = read_mask(claimed.mask, context.rule, picture.size)
    # The bytes are not needed any more.
    slim = replace(claimed, data=b"")
    seconds = claimed.seconds + time.perf_counter() - started
    return Loaded(claim=slim, picture=picture, encoding=encoding, mask=mask, classes=classes, seconds=seconds)


def add(context: Context, loaded: Loaded, made: PictureNoise, seconds: float) -> Noised:
    """Add the generator's noise to a picture."""
    started = time.perf_counter()
    picture = loaded.picture
    field = made.field if loaded.classes is None else PerClassField(made.field, loaded.classes)
    pixels = add_noise(picture.pixels, picture.space, field, made.mask, context.config.budget)
    total = loaded.seconds + seconds + time.perf_counter() - started
    return Noised(loaded=loaded, pixels=pixels, mask=made.mask, mask_source=made.mask_source, spared=made.spared, seconds=total)


def write(context: Context, noised: Noised) -> Row:
    """Write a protected picture, measure the written file, and only then move it into place and record it.

    Returns:
        Its line of the manifest.

    Raises:
        UnsegError: what was written is not what was meant: unchanged, out of budget, or the noise did not survive the codec.
        OSError: the file cannot be written.
    """
    started = time.perf_counter()
    loaded = noised.loaded
    job, clean = loaded.claim.job, loaded.picture
    if not within_budget(clean.pixels, noised.pixels, noised.mask, context.config.budget):
        raise UnsegError("the noise exceeds its budget", hint="report it as a defect")
    data, notes = encode_picture(replace(clean, pixels=noised.pixels), loaded.encoding)
    result: Row = {}

    def fill(part: Path) -> None:
        part.write_bytes(data)
        written = read_picture(part)
        measured = _measured(clean, noised, written, loaded.encoding)
        if (path := _noise_path(context.config, job)) is not None:
            save_noise(path, clean.pixels, noised.pixels, noised.mask, context.config.budget)
        if (path := _preview_path(context.config, job)) is not None:
            save_preview(path, clean, written)
        earlier = context.manifest.rows.get(job.name, {}).get("dst")
        if earlier not in (None, job.dst_name) and (context.manifest.path.parent / str(earlier)).is_file():
            notes.append(f"{earlier}, written by an earlier run, stays beside {job.dst_name}")
        kept = measured["noise_kept"]
        if kept < LITTLE_NOISE_KEPT:
            notes.append(f"the codec kept only {100 * kept:.0f} % of the noise: raise --quality or --epsilon, or use a lossless format")
        result.update(_row(context, noised, measured))
        result["dst_sha256"] = hashlib.sha256(data).hexdigest()
        result["dst_bytes"] = len(data)
        result["notes"] = [*clean.notes, *notes]
        result["seconds"] = round(noised.seconds + time.perf_counter() - started, 4)
        context.manifest.append(result)

    write_atomically(job.dst, fill)
    return result


def _measured(clean: Picture, noised: Noised, written: Picture, encoding: Encoding) -> dict[str, Any]:
    """Compare the written file, decoded again, with the clean picture and with what was meant.

    Raises:
        UnsegError: see `write`.
    """
    meant = replace(clean, pixels=noised.pixels)
    if clean.space == "grey" and written.space == "rgb":
        clean, meant = expanded(clean), expanded(meant)
    if written.pixels.shape != clean.pixels.shape or written.pixels.dtype != clean.pixels.dtype or written.space != clean.space:
        raise UnsegError(
            f"the written file came back as {written.pixels.dtype} {written.space} of {written.size}", hint="use --format png for it"
        )
    if np.array_equal(written.pixels, clean.pixels):
        raise UnsegError(
            "the written file equals the original: no noise survived, and it was removed",
            hint="raise --epsilon, raise --quality, or use a lossless format",
        )
    if encoding.lossless and not np.array_equal(written.pixels, meant.pixels):
        raise UnsegError("the written file does not decode to what was written", hint="use --format png for it")
    if not same_alpha(clean, written):
        raise UnsegError("the alpha channel was not kept", hint="use --format png for it")
    kept = 1.0 if encoding.lossless else noise_kept(clean.pixels, meant.pixels, written.pixels)
    if kept < LEAST_NOISE_KEPT:
        raise UnsegError(
            f"the codec kept {100 * max(kept, 0):.0f} % of the noise: the file is not protected, and was removed",
            hint="raise --quality or --epsilon, or use a lossless format",
        )
    difference = measure(clean.pixels, written.pixels)
    return {"linf_255": difference.linf_255, "psnr": difference.psnr, "ssim": difference.ssim, "noise_kept": round(kept, 4)}


def _row(context: Context, noised: Noised, measured: dict[str, Any]) -> Row:
    loaded = noised.loaded
    claimed = loaded.claim
    return {
        "src": claimed.job.name,
        "dst": claimed.job.dst_name,
        "status": "protected",
        "mask_source": noised.mask_source,
        **{name: _rounded(measured[name]) for name in ("linf_255", "psnr", "ssim")},
        **_budget(context),
        "src_sha256": claimed.src_sha256,
        "dst_sha256": None,
        **_generator(context),
        "seconds": None,
        "error": None,
        "settings": claimed.settings,
        "lossless": loaded.encoding.lossless,
        "quality": loaded.encoding.quality,
        "noise_kept": measured["noise_kept"],
        "spared": noised.spared,
        "mask_empty": loaded.mask is not None and noised.mask_source != "file",
        "mask_share": round(float(noised.mask.mean()), 4),
        "src_bytes": claimed.job.src.stat().st_size,
    }


def failed_row(context: Context, job: Job, problem: UnsegError) -> Row:
    """The line of a picture that could not be protected. A file that an earlier run wrote stays ours."""
    earlier = context.manifest.rows.get(job.name, {})
    ours = earlier.get("dst") == job.dst_name and bool(earlier.get("dst_sha256"))
    of_file: Row = {name: earlier[name] for name in ("epsilon", "epsilon_bg", "quality") if ours and name in earlier}
    return {
        "src": job.name,
        "dst": job.dst_name,
        "status": "failed",
        "mask_source": None,
        "linf_255": None,
        "psnr": None,
        "ssim": None,
        **_budget(context),
        **of_file,  # of the file that is there, for whoever verifies it
        "src_sha256": None,
        "dst_sha256": earlier["dst_sha256"] if ours else None,
        **_generator(context),
        "seconds": None,
        "error": problem.message,
        "hint": problem.hint,
    }


def _budget(context: Context) -> dict[str, float]:
    return {"epsilon": context.config.budget.foreground, "epsilon_bg": context.config.budget.background}


def _generator(context: Context) -> dict[str, str]:
    return {"generator": context.generator, "generator_sha256": context.generator_sha256, "version": __version__}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)

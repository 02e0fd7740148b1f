"""`unseg verify`: is every picture of SRC in DST, changed, and within the budget?

The rule for `ok`. A lossless file: no pixel moved by more than its epsilon, the foreground's where the masks say object and the
background's elsewhere; where no mask is given, by more than the larger of both. A lossy file (JPEG, lossy WebP) is changed by its codec,
too, so its allowance is the epsilon plus 2.5 times the largest error that the same codec at the same settings makes on the clean picture,
or on the clean picture with the change that the file shows, cut to the larger epsilon. (More than once, because the shown change has
passed the codec already and is easier to code than the noise was: on photos with hard-edged texture noise the worst of 400 files needed
1.8 times.) And the change must be more than the codec alone: a file that hardly differs from the re-encoded clean picture counts as
unchanged.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray
from unseg_cli.core.errors import NothingToDo, UnsegError, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.noise.arithmetic import budget_levels
from unseg_cli.pictures.channels import strips
from unseg_cli.pictures.decode import expanded, read_picture
from unseg_cli.pictures.difference import linf_255, measure, psnr
from unseg_cli.pictures.encode import WEBP_QUALITY, codec_copy, converted
from unseg_cli.pictures.masks import MaskRule, read_mask, rule_for
from unseg_cli.pictures.names import is_picture_name, list_pictures, masks_by_stem, match_by_stem, only_mask, stem_of
from unseg_cli.pictures.picture import Picture, PixelArray, full_scale, same_alpha
from unseg_cli.protect.config import VerifyConfig
from unseg_cli.protect.manifest import NAME as MANIFEST_NAME
from unseg_cli.protect.manifest import Manifest, Record

MISSING = "is missing in DST"
CODEC_MARGIN = 2.5
#: A lossy file whose root mean square distance to the re-encoded clean picture is below this, in 1/255, carries no noise.
UNCHANGED_RMS = 0.5
_ROUNDING = 1e-6
_THREADS = 2  # more would decode too many large pictures at once


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A picture, where its protected copy should be, its line in the manifest, and its masks."""

    name: str
    src: Path
    dst: Path | None
    dst_name: str
    row: Record | None
    masks: tuple[Path, ...]


def verify(config: VerifyConfig, events: Events) -> Report:
    """Compare a protected tree with the clean one.

    Args:
        config: the two trees and, perhaps, a budget and masks; without a budget each picture's own from the manifest counts, else the
            default.
        events: receives progress and what is wrong with which picture.

    Returns:
        A report with `pairs`; exit code 1 where a picture is missing, unchanged, out of budget or not readable.

    Raises:
        UsageProblem: SRC, DST or the masks do not exist, or SRC is what `protect` wrote.
        NothingToDo: no picture in SRC.
        EnvironmentProblem: the manifest cannot be read.
    """
    started = time.perf_counter()
    rule = rule_for(config.masks, config.mask_rule)
    pairs, manifest = _pairs(config.src, config.dst, config.masks)
    results: list[dict[str, Any]] = []
    events.start(len(pairs), "verifying")
    pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1), thread_name_prefix="unseg")
    try:
        for result in pool.map(lambda pair: _check(pair, config.budget, rule), pairs):
            results.append(result)
            if not result["ok"]:
                events.warn(f"{result['src']}: {result['problem']}")
            if result["note"]:
                events.warn(f"{result['src']}: {result['note']}")
            events.advance()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        events.stop()
    return _report(results, manifest, time.perf_counter() - started)


def _pairs(src: Path, dst: Path, masks: Path | None) -> tuple[list[_Pair], Manifest]:
    for option, path in (("SRC", src), ("DST", dst)):
        if not path.exists():
            raise UsageProblem(f"{option} {path} does not exist", hint="give the same SRC and DST as to `unseg protect`")
    if src.is_file():
        root = dst if dst.is_dir() else dst.parent
        names, folder = [src.name], src.parent
    else:
        if not dst.is_dir():
            raise UsageProblem(f"DST {dst} is a file, but SRC is a folder", hint="give the folder that `unseg protect` wrote")
        if (src / MANIFEST_NAME).is_file() and not (dst / MANIFEST_NAME).is_file():
            raise UsageProblem(f"SRC {src} is what `unseg protect` wrote, and DST {dst} is not", hint="give the clean folder first")
        root, folder = dst, src
        names = list_pictures(src)
    if not names:
        raise NothingToDo(f"no picture in {src}", hint="pictures end in .jpg, .jpeg, .png, .webp, .tif, .tiff or .bmp")
    manifest = Manifest.read(root)
    by_stem = match_by_stem(root)
    of_masks = masks_by_stem(masks, names) if masks else {}
    pairs = []
    for name in names:
        row = manifest.rows.get(name)
        found = dst if dst.is_file() else _find(root, name, row, by_stem)
        dst_name = found.relative_to(root).as_posix() if found else str((row or {}).get("dst") or name)
        own_masks = tuple(of_masks.get(stem_of(name), ()))
        pairs.append(_Pair(name=name, src=folder / name, dst=found, dst_name=dst_name, row=row, masks=own_masks))
    return pairs, manifest


def _find(root: Path, name: str, row: Record | None, by_stem: dict[str, list[Path]]) -> Path | None:
    """The protected copy: what the manifest says, else the same name, else the only picture of the same stem."""
    for candidate in ((row or {}).get("dst"), name):
        if isinstance(candidate, str) and is_picture_name(Path(candidate)) and (root / candidate).is_file():
            return root / candidate
    same_stem = by_stem.get(stem_of(name), [])
    return same_stem[0] if len(same_stem) == 1 else None


def _check(pair: _Pair, budget: NoiseBudget | None, rule: MaskRule) -> dict[str, Any]:
    result: dict[str, Any] = {
        "src": pair.name,
        "dst": pair.dst_name,
        "linf_255": None,
        "psnr": None,
        "ssim": None,
        "ok": False,
        "in_manifest": bool(pair.row and pair.row.get("status") == "protected"),
        "allowed_255": None,
        "problem": None,
        "note": None,
    }
    if pair.dst is None:
        return result | {"problem": MISSING, "note": _note(pair)}
    try:
        written = _named("the protected file", pair.dst)
        clean = _alike(_named("the clean file", pair.src), written)
        if clean.space == "grey" and written.space == "rgb":
            clean = expanded(clean)
        if clean.pixels.shape != written.pixels.shape or clean.pixels.dtype != written.pixels.dtype:
            return result | {"problem": f"differs in size or kind: {_kind(clean)} became {_kind(written)}"}
        inside = _foreground(pair, rule, clean.size)
    except UnsegError as error:
        return result | {"problem": error.message}
    difference = measure(clean.pixels, written.pixels)
    bound = budget or _recorded(pair.row)
    epsilon = max(bound.foreground, bound.background)
    codec, noise_found = 0.0, difference.linf_255 > 0
    if noise_found and not written.coding.lossless:
        codec, noise_found = _codec(clean, written, epsilon, int((pair.row or {}).get("quality") or WEBP_QUALITY))
    if inside is None:
        regions = [("", difference.linf_255, 255 * epsilon + codec)]
    else:
        on, beside = (linf_255(clean.pixels, written.pixels, where) for where in (inside, ~inside))
        regions = [
            (" on the object", on, 255 * bound.foreground + codec),
            (" beside the object", beside, 255 * bound.background + codec),
        ]
    exceeded = [
        f"is out of budget{where}: {moved:.4g}/255, allowed are {allowed:.4g}/255"
        for where, moved, allowed in regions
        if moved > allowed + _ROUNDING
    ]
    problem: str | None = None
    if not noise_found:
        problem = "is not protected: it equals the clean picture" + ("" if written.coding.lossless else ", but for the codec")
    elif exceeded:
        problem = "; ".join(exceeded)
    elif not same_alpha(clean, written):
        problem = "has another alpha channel than the clean picture"
    return result | {
        "linf_255": round(difference.linf_255, 6),
        "psnr": None if difference.psnr is None else round(difference.psnr, 6),
        "ssim": None if difference.ssim is None else round(difference.ssim, 6),
        "ok": problem is None,
        "allowed_255": round(max(allowed for _, _, allowed in regions), 4),
        "problem": problem,
        "note": _note(pair),
    }


def _note(pair: _Pair) -> str | None:
    if not pair.row or pair.row.get("status") != "failed":
        return None
    return f"the last run of `unseg protect` failed on it ({pair.row.get('error')})" + (
        ": the file is of an earlier run" if pair.dst else ""
    )


def _foreground(pair: _Pair, rule: MaskRule, size: tuple[int, int]) -> BoolArray | None:
    """The mask that `protect` would use; None where none is given. An empty one means the whole picture there."""
    path = only_mask(pair.masks)
    if path is None:
        return None
    mask = read_mask(path, rule, size)
    return mask if mask.any() else ~mask


def _named(what: str, path: Path) -> Picture:
    try:
        return read_picture(path)
    except UnsegError as problem:
        raise UnsegError(f"{what} {problem.message}", hint=problem.hint) from None


def _alike(clean: Picture, written: Picture) -> Picture:
    """The clean picture as `protect` had to make it for the format of the written one."""
    return converted(clean, written.kind)


def _kind(picture: Picture) -> str:
    return f"{picture.size[1]}x{picture.size[0]} {picture.space} {picture.pixels.dtype}"


def _recorded(row: Record | None) -> NoiseBudget:
    if row and isinstance(row.get("epsilon"), int | float) and isinstance(row.get("epsilon_bg"), int | float):
        return NoiseBudget(row["epsilon"], row["epsilon_bg"])
    return NoiseBudget()


def _codec(clean: Picture, written: Picture, epsilon: float, quality: int) -> tuple[float, bool]:
    """What the codec is allowed to change, in 1/255, and whether the file holds more than the codec's change."""
    plain = codec_copy(clean, written, quality)
    probe = _with_bounded_change(clean.pixels, plain, written.pixels, epsilon)
    probed = codec_copy(replace(clean, pixels=probe), written, quality)
    allowance = CODEC_MARGIN * max(linf_255(clean.pixels, plain), linf_255(probe, probed))
    return allowance, _rms_255(plain, written.pixels) >= UNCHANGED_RMS


def _with_bounded_change(clean: PixelArray, plain: PixelArray, written: PixelArray, epsilon: float) -> PixelArray:
    """The clean picture with the change that `written` shows beside the re-encoded clean picture, cut to the budget."""
    levels = budget_levels(epsilon, full_scale(clean))
    probe = clean.copy()
    for rows in strips(len(clean)):
        change = np.clip(written[rows].astype(np.int32) - plain[rows], -levels, levels)
        probe[rows] = np.clip(clean[rows] + change, 0, full_scale(clean)).astype(clean.dtype)
    return probe


def _rms_255(a: PixelArray, b: PixelArray) -> float:
    decibels = psnr(a, b)
    return 0.0 if decibels is None else 255 * 10 ** (-decibels / 20)


def _report(results: list[dict[str, Any]], manifest: Manifest, seconds: float) -> Report:
    good = [result for result in results if result["ok"]]
    measured = [result for result in results if result["linf_255"] is not None]
    generators = {(row.get("generator"), row.get("generator_sha256")) for row in manifest.rows.values()}
    name, sha256 = generators.pop() if len(generators) == 1 else (None, None)
    sources = [manifest.rows.get(result["src"], {}).get("mask_source") for result in results]
    document: dict[str, Any] = {
        "schema": 1,
        "command": "verify",
        "images": len(results),
        "protected": len(good),
        "skipped": 0,
        "failed": len(results) - len(good),
        "missing": sum(result["problem"] == MISSING for result in results),
        "not_in_manifest": sum(not result["in_manifest"] for result in results),
        "linf_255_max": max((result["linf_255"] for result in measured), default=None),
        "psnr_mean": _mean([result["psnr"] for result in measured]),
        "ssim_mean": _mean([result["ssim"] for result in measured]),
        "seconds": round(seconds, 3),
        "images_per_second": round(len(results) / seconds, 3) if seconds else 0.0,
        "mask_source": {source: sources.count(source) for source in ("file", "auto", "whole")},
        "generator": {"name": name, "sha256": sha256},
        "failures": [{"path": result["src"], "error": result["problem"]} for result in results if not result["ok"]],
        "pairs": results,
    }
    return Report(document=document, exit_code=1 if len(good) < len(results) else 0)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None

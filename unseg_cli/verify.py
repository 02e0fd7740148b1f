"""`unseg verify`: is every picture of SRC in DST, changed, and within the budget?

The rule for `ok`. A lossless file: no pixel moved by more than the larger epsilon. A lossy file (JPEG, lossy WebP) is changed by its codec,
too, so its allowance is that epsilon plus 2.5 times the largest error that the same codec at the same settings makes on the clean picture,
or on the clean picture with the change that the file shows, cut to that epsilon. (More than once, because the shown change has passed the
codec already and is easier to code than the noise was: on photos with hard-edged texture noise the worst of 400 files needed 1.8 times.)
And the change must be more than the codec alone: a file that hardly differs from the re-encoded clean picture counts as unchanged.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unseg_cli.config import NoiseBudget, VerifyConfig
from unseg_cli.data.channels import strips
from unseg_cli.data.encode import WEBP_QUALITY, codec_copy, converted
from unseg_cli.data.folders import is_picture_name, list_pictures, match_by_stem, stem_of
from unseg_cli.data.images import expanded, read_picture
from unseg_cli.data.picture import Picture, PixelArray, full_scale, same_alpha
from unseg_cli.errors import NothingToDo, UnsegError, UsageProblem
from unseg_cli.events import Events, Report
from unseg_cli.manifest import Manifest, Row
from unseg_cli.metrics_image import linf_255, measure, psnr
from unseg_cli.noise import budget_levels

CODEC_MARGIN = 2.5
#: A lossy file whose root mean square distance to the re-encoded clean picture is below this, in 1/255, carries no noise.
UNCHANGED_RMS = 0.5
_ROUNDING = 1e-6
_THREADS = 2  # more would decode too many large pictures at once


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A picture, where its protected copy should be, and its line in the manifest."""

    name: str
    src: Path
    dst: Path | None
    dst_name: str
    row: Row | None


def verify(config: VerifyConfig, events: Events) -> Report:
    """Compare a protected tree with the clean one.

    Args:
        config: the two trees and, perhaps, a budget; without one each picture's own from the manifest counts, else the default.
        events: receives progress and what is wrong with which picture.

    Returns:
        A report with `pairs`; exit code 1 where a picture is missing, unchanged, out of budget or not readable.

    Raises:
        UsageProblem: SRC or DST does not exist.
        NothingToDo: no picture in SRC.
        EnvironmentProblem: the manifest cannot be read.
    """
    started = time.perf_counter()
    pairs, manifest = _pairs(config.src, config.dst)
    results: list[dict[str, Any]] = []
    events.start(len(pairs), "verifying")
    pool = ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1), thread_name_prefix="unseg")
    try:
        for result in pool.map(lambda pair: _check(pair, config.budget), pairs):
            results.append(result)
            if not result["ok"]:
                events.warn(f"{result['src']}: {result['problem']}")
            events.advance()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        events.stop()
    return _report(results, manifest, time.perf_counter() - started)


def _pairs(src: Path, dst: Path) -> tuple[list[_Pair], Manifest]:
    for option, path in (("SRC", src), ("DST", dst)):
        if not path.exists():
            raise UsageProblem(f"{option} {path} does not exist", hint="give the same SRC and DST as to `unseg protect`")
    if src.is_file():
        root = dst if dst.is_dir() else dst.parent
        names, folder = [src.name], src.parent
    else:
        if not dst.is_dir():
            raise UsageProblem(f"DST {dst} is a file, but SRC is a folder", hint="give the folder that `unseg protect` wrote")
        root, folder = dst, src
        names = list_pictures(src)
    if not names:
        raise NothingToDo(f"no picture in {src}", hint="pictures end in .jpg, .jpeg, .png, .webp, .tif, .tiff or .bmp")
    manifest = Manifest.read(root)
    by_stem = match_by_stem(root)
    pairs = []
    for name in names:
        row = manifest.rows.get(name)
        found = dst if dst.is_file() else _find(root, name, row, by_stem)
        dst_name = found.relative_to(root).as_posix() if found else str((row or {}).get("dst") or name)
        pairs.append(_Pair(name=name, src=folder / name, dst=found, dst_name=dst_name, row=row))
    return pairs, manifest


def _find(root: Path, name: str, row: Row | None, by_stem: dict[str, list[Path]]) -> Path | None:
    """The protected copy: what the manifest says, else the same name, else the only picture of the same stem."""
    for candidate in ((row or {}).get("dst"), name):
        if isinstance(candidate, str) and is_picture_name(Path(candidate)) and (root / candidate).is_file():
            return root / candidate
    same_stem = by_stem.get(stem_of(name), [])
    return same_stem[0] if len(same_stem) == 1 else None


def _check(pair: _Pair, budget: NoiseBudget | None) -> dict[str, Any]:
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
    }
    if pair.dst is None:
        return result | {"problem": "is missing in DST"}
    try:
        written = _named("the protected file", pair.dst)
        clean = _alike(_named("the clean file", pair.src), written)
        if clean.space == "grey" and written.space == "rgb":
            clean = expanded(clean)
        if clean.pixels.shape != written.pixels.shape or clean.pixels.dtype != written.pixels.dtype:
            return result | {"problem": f"differs in size or kind: {_kind(clean)} became {_kind(written)}"}
    except UnsegError as error:
        return result | {"problem": error.message}
    difference = measure(clean.pixels, written.pixels)
    bound = budget or _recorded(pair.row)
    epsilon = max(bound.foreground, bound.background)
    allowed, noise_found = 255 * epsilon, difference.linf_255 > 0
    if noise_found and not written.coding.lossless:
        codec, noise_found = _codec(clean, written, epsilon, int((pair.row or {}).get("quality") or WEBP_QUALITY))
        allowed += codec
    problem: str | None = None
    if not noise_found:
        problem = "is not protected: it equals the clean picture" + ("" if written.coding.lossless else ", but for the codec")
    elif difference.linf_255 > allowed + _ROUNDING:
        problem = f"is out of budget: {difference.linf_255:.4g}/255, allowed are {allowed:.4g}/255"
    elif not same_alpha(clean, written):
        problem = "has another alpha channel than the clean picture"
    return result | {
        "linf_255": round(difference.linf_255, 6),
        "psnr": None if difference.psnr is None else round(difference.psnr, 6),
        "ssim": None if difference.ssim is None else round(difference.ssim, 6),
        "ok": problem is None,
        "allowed_255": round(allowed, 4),
        "problem": problem,
    }


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


def _recorded(row: Row | None) -> NoiseBudget:
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
        "missing": sum(result["problem"] == "is missing in DST" for result in results),
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

"""Is a protected picture its clean one with the noise that is allowed, and no more?

The rule for `ok`. A lossless file: no pixel moved by more than its epsilon, the foreground's where the masks say object and the
background's elsewhere; where no mask is given, by more than the larger of both. A lossy file (JPEG, lossy WebP) is changed by its codec,
too, so its allowance is the epsilon plus 2.5 times the largest error that the same codec at the same settings makes on the clean picture,
or on the clean picture with the change that the file shows, cut to the larger epsilon. (More than once, because the shown change has
passed the codec already and is easier to code than the noise was: on photos with hard-edged texture noise the worst of 400 files needed
1.8 times.) And the change must be more than the codec alone: a file that hardly differs from the re-encoded clean picture counts as
unchanged. Where the manifest knows the file, its pixels have to be the recorded ones: see `_replaced`.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray
from unseg_cli.core.errors import UnsegError, said_of
from unseg_cli.generators.sums import sha256_of
from unseg_cli.noise.arithmetic import budget_levels
from unseg_cli.pictures.adding import add_steps, steps_of
from unseg_cli.pictures.channels import cached_strips
from unseg_cli.pictures.decode import expanded, read_picture
from unseg_cli.pictures.difference import linf_255, measure, psnr
from unseg_cli.pictures.encode import WEBP_QUALITY, codec_copy, converted
from unseg_cli.pictures.formats import heif
from unseg_cli.pictures.masks import MaskRule, read_mask
from unseg_cli.pictures.names import only_mask
from unseg_cli.pictures.picture import Picture, PixelArray, full_scale, same_alpha
from unseg_cli.pictures.smaller import smaller, smaller_map
from unseg_cli.protect.manifest import Record, longest_side_of
from unseg_cli.protect.verification.pairs import Pair

MISSING = "is missing in DST"
CODEC_MARGIN = 2.5
#: A lossy file whose root mean square distance to the re-encoded clean picture is below this, in 1/255, carries no noise.
UNCHANGED_RMS = 0.5
#: The same of a file whose very bytes `protect` measured: large photographs have little noise, and less is enough to tell it from none.
UNCHANGED_BYTES_RMS = 0.02
_ROUNDING = 1e-6
_SAME_MEASUREMENT = 1e-4


class Verdict(str, Enum):
    """What became of a clean picture, in one word or two."""

    PROTECTED = "protected"
    MISSING = "missing"
    UNPROTECTED = "not protected"
    EXCEEDED = "out of budget"
    ALTERED = "altered otherwise"
    UNREADABLE = "not readable"


class Region(NamedTuple):
    """A part of a picture with a bound of its own, in 1/255."""

    where: str
    moved: float
    allowed: float

    @property
    def excess(self) -> str:
        """What is wrong with it; "" where it keeps to its bound."""
        if self.moved <= self.allowed + _ROUNDING:
            return ""
        return f"is out of budget{self.where}: {self.moved:.4g}/255, allowed are {self.allowed:.4g}/255"


def judge_pair(pair: Pair, budget: NoiseBudget | None, rule: MaskRule) -> dict[str, Any]:
    """The line of a picture in the report: what was measured, `ok` or not, and what is wrong in words.

    Args:
        pair: the two files.
        budget: None: that of the manifest.
        rule: how masks are read.
    """
    result: dict[str, Any] = {
        "src": pair.name,
        "dst": pair.dst_name,
        "linf_255": None,
        "psnr": None,
        "ssim": None,
        "ok": False,
        "verdict": Verdict.MISSING.value,
        "in_manifest": bool(pair.row and pair.row.get("status") == "protected"),
        "allowed_255": None,
        "problem": None,
        "note": None,
    }
    if pair.dst is None:
        return result | {"problem": MISSING, "note": _note(pair)}
    try:
        with said_of("the protected file"):
            written = read_picture(pair.dst)
        with said_of("the clean file"):
            clean = smaller(read_picture(pair.src), longest_side_of(pair.row))
        clean = converted(clean, written.kind)  # as `protect` had to make it for the written format
        if clean.space == "grey" and written.space == "rgb":
            clean = expanded(clean)
        if clean.pixels.shape != written.pixels.shape or clean.pixels.dtype != written.pixels.dtype:
            sizes = f"{_kind(clean)} became {_kind(written)}"
            return result | {"verdict": Verdict.ALTERED.value, "problem": f"differs in size or kind: {sizes}"}
        inside = _foreground(pair, rule, clean)
    except UnsegError as error:
        return result | {"verdict": Verdict.UNREADABLE.value, "problem": error.message}
    difference, recorded = measure(clean.pixels, written.pixels), _as_recorded(pair)
    bound = budget or _recorded(pair.row)
    epsilon = max(bound.foreground, bound.background)
    codec, noise_found = 0.0, difference.linf_255 > 0
    if noise_found and not written.coding.lossless:
        codec, change = _codec(clean, written, epsilon, _quality(pair.row, written.kind))
        noise_found = change >= (UNCHANGED_BYTES_RMS if recorded else UNCHANGED_RMS)
    if inside is None:
        regions = [Region("", difference.linf_255, 255 * epsilon + codec)]
    else:
        on, outside = (linf_255(clean.pixels, written.pixels, where) for where in (inside, ~inside))
        regions = [
            Region(" on the object", on, 255 * bound.foreground + codec),
            Region(" outside the object", outside, 255 * bound.background + codec),
        ]
    measures = {
        "linf_255": round(difference.linf_255, 6),
        "psnr": None if difference.psnr is None else round(difference.psnr, 6),
        "ssim": None if difference.ssim is None else round(difference.ssim, 6),
    }
    exceeded = "; ".join(filter(None, (region.excess for region in regions)))
    if not noise_found:
        codec_too = "" if written.coding.lossless else ", but for the codec"
        verdict, problem = Verdict.UNPROTECTED, f"is not protected: it equals the clean picture{codec_too}"
    elif exceeded:
        verdict, problem = Verdict.EXCEEDED, exceeded
    elif not same_alpha(clean, written):
        verdict, problem = Verdict.ALTERED, "has another alpha channel than the clean picture"
    elif not recorded and _replaced(pair, measures):
        verdict, problem = Verdict.ALTERED, "is not what `unseg protect` wrote: the manifest has other bytes and other measurements"
    else:
        verdict, problem = Verdict.PROTECTED, ""
    found = {
        "ok": verdict is Verdict.PROTECTED,
        "verdict": verdict.value,
        "allowed_255": round(max(region.allowed for region in regions), 4),
        "problem": problem or None,
        "note": _note(pair),
    }
    return result | measures | found


def _replaced(pair: Pair, measures: dict[str, float | None]) -> bool:
    """Of a file whose bytes are not the recorded ones, whether its pixels are others, too: any small change would pass for noise otherwise.

    Other bytes alone, as of a file whose metadata somebody edited, do no harm; nor do other measurements alone, since decoders differ.
    """
    row = pair.row
    if row is None or row.get("status") != "protected" or row.get("dst") != pair.dst_name or pair.dst is None:
        return False
    if row.get("dst_sha256") is None:
        return False
    return not all(_same(row.get(name), value) for name, value in measures.items())


def _as_recorded(pair: Pair) -> bool:
    """Whether the file has the very bytes that `protect` recorded as protected."""
    row = pair.row
    if row is None or pair.dst is None or row.get("status") != "protected":
        return False
    return row.get("dst_sha256") == sha256_of(pair.dst)


def _same(recorded: object, measured: float | None) -> bool:
    if not isinstance(recorded, int | float) or measured is None:
        return recorded is None and measured is None
    return abs(recorded - measured) <= _SAME_MEASUREMENT


def _note(pair: Pair) -> str | None:
    if not pair.row or pair.row.get("status") != "failed":
        return None
    return f"the last run of `unseg protect` failed on it ({pair.row.get('error')})" + (
        ": the file is of an earlier run" if pair.dst else ""
    )


def _foreground(pair: Pair, rule: MaskRule, clean: Picture) -> BoolArray | None:
    """The mask that `protect` would use; None where none is given. An empty one means the whole picture there."""
    path = only_mask(pair.masks)
    if path is None:
        return None
    mask = smaller_map(read_mask(path, rule, clean.file_size), clean.size)
    return mask if mask.any() else ~mask


def _kind(picture: Picture) -> str:
    return f"{picture.size[1]}x{picture.size[0]} {picture.space} {picture.pixels.dtype}"


def _recorded(row: Record | None) -> NoiseBudget:
    on, outside = (row.get("epsilon"), row.get("epsilon_bg")) if row else (None, None)
    if isinstance(on, int | float) and isinstance(outside, int | float):
        return NoiseBudget(on, outside)
    return NoiseBudget()


def _quality(row: Record | None, kind: str) -> int:
    quality = row.get("quality") if row else None
    return quality if isinstance(quality, int) and quality else heif.QUALITY.get(kind, WEBP_QUALITY)


def _codec(clean: Picture, written: Picture, epsilon: float, quality: int) -> tuple[float, float]:
    """What the codec is allowed to change, in 1/255, and by how much more than the codec alone the file changed, root mean square."""
    plain = codec_copy(clean, written, quality)
    probe = _with_bounded_change(clean.pixels, plain, written.pixels, epsilon)
    probed = codec_copy(replace(clean, pixels=probe), written, quality)
    allowance = CODEC_MARGIN * max(linf_255(clean.pixels, plain), linf_255(probe, probed))
    return allowance, _rms_255(plain, written.pixels)


def _with_bounded_change(clean: PixelArray, plain: PixelArray, written: PixelArray, epsilon: float) -> PixelArray:
    """The clean picture with the change that `written` shows against the re-encoded clean picture, cut to the budget."""
    top, probe = full_scale(clean), clean.copy()
    levels = budget_levels(epsilon, top)
    for rows in cached_strips(len(clean)):
        step = np.subtract(written[rows], plain[rows], dtype=steps_of(top))
        np.clip(step, -levels, levels, out=step)
        add_steps(probe[rows], step, top)
    return probe


def _rms_255(a: PixelArray, b: PixelArray) -> float:
    decibels = psnr(a, b)
    return 0.0 if decibels is None else 255 * 10 ** (-decibels / 20)

"""How visible a condition's noise is: measured picture by picture, then put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unseg_cli.core.constants import U8Array
from unseg_cli.pictures.difference import Difference, Perceived, measure, perceive
from unseg_cli.pictures.difference.flip import flip, flip_is_installed

#: What an eye sees takes longer to compute than the rest of preparing a picture, and needs fewer pictures: so many, the first.
LOOKED_AT = 20

#: See `put_together`.
Visibility = dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """How visible the noise of one picture is.

    Attributes:
        difference: largest change, PSNR, SSIM.
        perceived: what an eye sees; None where nobody looked.
        flip: FLIP; None where nobody looked, or its package is missing.
    """

    difference: Difference
    perceived: Perceived | None = None
    flip: float | None = None


def look(clean: U8Array, noisy: U8Array, *, number: int) -> Seen:
    """Measure a picture, the `number`-th of its set, at its original size."""
    difference = measure(clean, noisy)
    if number >= LOOKED_AT:
        return Seen(difference=difference)
    return Seen(difference=difference, perceived=perceive(clean, noisy), flip=flip(clean, noisy) if flip_is_installed() else None)


def put_together(seen: Sequence[Seen]) -> Visibility:
    """The numbers of a condition from those of its pictures.

    Returns:
        `linf_255`: the largest change in grey levels; `psnr` in dB: mean over the pictures that changed (None: none did); `ssim`: mean.
        Of the first `LOOKED_AT` pictures: `difference`: mean of the perceived difference; `difference_p95`: its 95th percentile in the
        worst picture; `flip`: mean of FLIP, None where its package is missing; `difference_pictures`: how many these were.
    """
    psnr = [one.difference.psnr for one in seen if one.difference.psnr is not None]
    ssim = [one.difference.ssim for one in seen if one.difference.ssim is not None]
    perceived = [one.perceived for one in seen if one.perceived is not None]
    flips = [one.flip for one in seen if one.flip is not None]
    return {
        "linf_255": max(one.difference.linf_255 for one in seen),
        "psnr": round(float(np.mean(psnr)), 2) if psnr else None,
        "ssim": round(float(np.mean(ssim)), 4) if ssim else None,
        "difference": round(float(np.mean([one.mean for one in perceived])), 3),
        "difference_p95": round(max(one.p95 for one in perceived), 3),
        "flip": round(float(np.mean(flips)), 4) if flips else None,
        "difference_pictures": len(perceived),
    }

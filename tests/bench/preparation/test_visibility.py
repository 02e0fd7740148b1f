"""How visible noise is: what is measured of each picture, and what the pictures say together."""

from __future__ import annotations

import numpy as np
import pytest

from unseg_cli.bench.preparation import visibility as module
from unseg_cli.bench.preparation.visibility import LOOKED_AT, Seen, look, put_together
from unseg_cli.pictures.difference import Difference, Perceived, perceive
from unseg_cli.pictures.difference.flip import flip

CLEAN = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
NOISY = np.clip(CLEAN.astype(int) + 6, 0, 255).astype(np.uint8)


def test_an_eye_looks_at_the_first_pictures() -> None:
    first, last = (look(CLEAN, NOISY, number=number) for number in (LOOKED_AT - 1, LOOKED_AT))
    assert first.perceived == perceive(CLEAN, NOISY) and first.flip == flip(CLEAN, NOISY)
    assert (last.perceived, last.flip) == (None, None)
    assert first.difference == last.difference and last.difference.linf_255 == 6


def test_without_the_package_of_flip_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "flip_is_installed", lambda: False)
    seen = look(CLEAN, NOISY, number=0)
    assert seen.flip is None and seen.perceived is not None
    assert put_together([seen])["flip"] is None


def test_means_and_the_worst_picture() -> None:
    pictures = [
        Seen(difference=Difference(linf_255=4, psnr=40, ssim=0.98), perceived=Perceived(mean=0.2, p95=0.9), flip=0.05),
        Seen(difference=Difference(linf_255=8, psnr=None, ssim=1.0), perceived=Perceived(mean=0.4, p95=0.7), flip=0.07),
        Seen(difference=Difference(linf_255=2, psnr=44, ssim=None)),
    ]
    assert put_together(pictures) == pytest.approx(
        {"linf_255": 8, "psnr": 42, "ssim": 0.99, "difference": 0.3, "difference_p95": 0.9, "flip": 0.06, "difference_pictures": 2}
    )

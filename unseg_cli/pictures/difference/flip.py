"""FLIP, a second opinion on what is seen: NVIDIA's own program, which the package flip-evaluator brings."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import numpy.typing as npt

from unseg_cli.core.constants import FloatArray
from unseg_cli.core.extras import MissingPackage
from unseg_cli.pictures.channels import rgb_from_cmyk
from unseg_cli.pictures.difference.fidelity import check_alike
from unseg_cli.pictures.picture import full_scale

MODULE, PACKAGE = "flip_evaluator", "flip-evaluator"


def flip_is_installed() -> bool:
    """Whether `flip` can be called."""
    return importlib.util.find_spec(MODULE) is not None


def flip(clean: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Mean FLIP of two pictures (Andersson et al. 2020): the difference that is seen when one is shown in place of the other.

    At FLIP's default viewing distance: 67 pixels a degree. Takes about three times as long as `perceive`.

    Args:
        clean: (H, W), (H, W, 3) sRGB or (H, W, 4) CMYK (read without colour management), uint8 or uint16.
        other: of the same shape and type.

    Returns:
        0 (equal) to 1.

    Raises:
        MissingPackage: flip-evaluator is not installed.
        ValueError: shapes or types differ.
    """
    check_alike(clean, other)
    if not flip_is_installed():
        raise MissingPackage(f"FLIP is not installed: it comes in {PACKAGE}", module=MODULE)
    from flip_evaluator import evaluate

    _, mean, _ = evaluate(_rgb_01(clean), _rgb_01(other), "LDR", applyMagma=False)
    return float(mean)


def _rgb_01(pixels: npt.NDArray[Any]) -> FloatArray:
    rgb = rgb_from_cmyk(pixels) if pixels.ndim == 3 and pixels.shape[2] == 4 else pixels
    values = rgb.astype(np.float32) / np.float32(full_scale(rgb))
    return np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values

"""What `unseg protect` writes beside the pictures when asked: the noise itself, and previews. Bytes of files, no files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray
from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.picture import Picture, PixelArray

#: Longest side of each panel of a preview, in pixels.
PANEL = 1024
GAIN = 16
_GAP = 8


def noise_file(clean: PixelArray, noised: PixelArray, mask: BoolArray, budget: NoiseBudget) -> bytes:
    """An .npz with `perturbation` (noised - clean in whole levels, before a lossy codec), `mask` and the two epsilons; upright."""
    wide = np.int16 if clean.dtype == np.uint8 else np.int32
    perturbation: npt.NDArray[Any] = noised.astype(wide) - clean.astype(wide)
    out = io.BytesIO()
    np.savez_compressed(
        out, perturbation=perturbation, mask=mask, epsilon=np.float64(budget.foreground), epsilon_bg=np.float64(budget.background)
    )
    return out.getvalue()


def preview_file(clean: Picture, written: Picture) -> bytes:
    """A PNG with clean | protected | noise x16 side by side; grey is no change. Large pictures are scaled down."""
    before, after = visible_rgb(clean.pixels, clean.space), visible_rgb(written.pixels, written.space)
    height, width = clean.size
    scale = min(1.0, PANEL / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    # Nearest for the noise: an average of neighbours would hide it.
    rows = np.minimum(((np.arange(size[1]) + 0.5) / scale).astype(int), height - 1)
    columns = np.minimum(((np.arange(size[0]) + 0.5) / scale).astype(int), width - 1)
    change = after[rows][:, columns].astype(np.int16) - before[rows][:, columns]
    noise = np.clip(128 + GAIN * change, 0, 255).astype(np.uint8)
    sheet = Image.new("RGB", (3 * size[0] + 2 * _GAP, size[1]), "white")
    for place, pixels in enumerate((before, after, noise)):
        panel = Image.fromarray(pixels)
        panel = panel if panel.size == size else panel.resize(size, Image.Resampling.LANCZOS)
        sheet.paste(panel, (place * (size[0] + _GAP), 0))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()

"""What `unseg protect` writes beside the pictures when asked: the noise itself, and previews."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray
from unseg_cli.core.runs import write_atomically
from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.picture import Picture, PixelArray

#: Longest side of each panel of a preview, in pixels.
PANEL = 1024
GAIN = 16
_GAP = 8


def save_noise(path: Path, clean: PixelArray, protected: PixelArray, mask: BoolArray, budget: NoiseBudget) -> None:
    """Write an .npz with `perturbation` (protected - clean in whole levels, before a lossy codec), `mask` and the two epsilons; upright."""
    wide = np.int16 if clean.dtype == np.uint8 else np.int32
    perturbation: npt.NDArray[Any] = protected.astype(wide) - clean.astype(wide)

    def fill(part: Path) -> None:
        with part.open("wb") as file:
            np.savez_compressed(
                file, perturbation=perturbation, mask=mask, epsilon=np.float64(budget.foreground), epsilon_bg=np.float64(budget.background)
            )

    write_atomically(path, fill)


def save_preview(path: Path, clean: Picture, written: Picture) -> None:
    """Write clean | protected | noise x16 side by side as a PNG; grey is no change. Large pictures are scaled down."""
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
    write_atomically(path, lambda part: sheet.save(part, "PNG"))

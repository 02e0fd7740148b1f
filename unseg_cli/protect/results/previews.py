"""What `unseg protect --preview` writes beside each picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.picture import Picture

#: Longest side of each panel of a preview, in pixels.
PANEL = 1024
GAIN = 16
_GAP = 8


def preview_file(clean: Picture, written: Picture) -> bytes:
    """A PNG with clean | protected | noise x16 side by side; grey is no change. Large pictures are scaled down."""
    panels = preview_panels(clean, written, PANEL)
    width, height = panels[0].size
    sheet = Image.new("RGB", (3 * width + 2 * _GAP, height), "white")
    for place, panel in enumerate(panels):
        sheet.paste(panel, (place * (width + _GAP), 0))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def preview_panels(clean: Picture, written: Picture, longest: int) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Clean, protected and noise x16, each with sides of at most `longest` pixels."""
    before, after = visible_rgb(clean.pixels, clean.space), visible_rgb(written.pixels, written.space)
    height, width = clean.size
    scale = min(1.0, longest / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    # Nearest for the noise: an average of neighbours would hide it.
    rows = np.minimum(((np.arange(size[1]) + 0.5) / scale).astype(int), height - 1)
    columns = np.minimum(((np.arange(size[0]) + 0.5) / scale).astype(int), width - 1)
    change = after[rows][:, columns].astype(np.int16) - before[rows][:, columns]
    noise = Image.fromarray(np.clip(128 + GAIN * change, 0, 255).astype(np.uint8))
    shown = (Image.fromarray(pixels) for pixels in (before, after))
    small, noised = (one if one.size == size else one.resize(size, Image.Resampling.LANCZOS) for one in shown)
    return small, noised, noise

"""Protect one picture from Python.

python examples/protect_one_picture.py examples/photos/cat.jpg cat-protected.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from unseg_cli import NoiseBudget, open_runtime, protect_image


def main() -> None:
    """Protect SRC twice: with the object that the generator finds, and with a mask of our own."""
    parser = argparse.ArgumentParser(description="Protect one picture.")
    parser.add_argument("src", type=Path)
    parser.add_argument("dst", type=Path, help="a .png, so that no codec touches the noise")
    arguments = parser.parse_args()

    picture = ImageOps.exif_transpose(Image.open(arguments.src)).convert("RGB")
    generator = open_runtime("lite", device="cpu")
    budget = NoiseBudget(foreground=8 / 255, background=2 / 255)

    # A PIL image in, a PIL image out. Without a mask the generator looks for the object itself.
    protected = protect_image(generator, picture, budget=budget)
    protected.save(arguments.dst)
    print(f"{arguments.dst}: {describe(picture, protected)}")

    # An array in, an array out. The mask is True on what has to be protected: here, the middle of the picture.
    pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    mask = np.zeros((height, width), dtype=bool)
    mask[height // 4 : -height // 4, width // 4 : -width // 4] = True
    print(f"with a mask of our own: {describe(pixels, protect_image(generator, pixels, mask=mask, budget=budget))}")


def describe(clean: Image.Image | np.ndarray, protected: Image.Image | np.ndarray) -> str:
    """How far the pixels moved."""
    change = np.abs(np.asarray(clean).astype(int) - np.asarray(protected).astype(int))
    return f"largest change {change.max()} of 255 grey levels, mean {change.mean():.2f}"


if __name__ == "__main__":
    main()

"""Put a clean picture and its protected copy side by side, as in README: python examples/side_by_side.py CLEAN PROTECTED OUT.jpg."""

from __future__ import annotations

import sys

from PIL import Image, ImageOps

GAP = 8


def main() -> None:
    """Read two pictures of one size and write them beside each other; 4:4:4, so that the noise's colours stay."""
    clean, protected, out = sys.argv[1:]
    pair = []
    for name in (clean, protected):
        with Image.open(name) as picture:
            pair.append(ImageOps.exif_transpose(picture).convert("RGB"))
    width, height = pair[0].size
    both = Image.new("RGB", (2 * width + GAP, height), "white")
    both.paste(pair[0], (0, 0))
    both.paste(pair[1], (width + GAP, 0))
    both.save(out, quality=92, subsampling="4:4:4")
    print(f"{out}: {both.size[0]}x{both.size[1]}")


if __name__ == "__main__":
    main()

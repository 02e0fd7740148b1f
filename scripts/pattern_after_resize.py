#!/usr/bin/env python3
"""What is left of the noise when large pictures are made as small as those that models are trained on.

    python scripts/pattern_after_resize.py camera/*.jpg --source "thumbor 7.8.0" --strength medium

Each picture is protected as `unseg protect` does it, written file included. An attacker then makes the clean and the protected file
smaller, each in the same way. Over the object, that is said of the difference of the two: how strong it is (root mean square in 1/255) in
red against green (R - G), blue against yellow (B - (R + G)/2) and luma; and how well a pretrained network tells the protected object from
the clean one (Fisher's criterion, see pattern_contrast.py: at stride 8, and `contrasts` at 4, 8 and 16; too large where a picture has few
positions). Sizes above that of a picture are omitted. Files that `unseg protect` does not write, such as HEIC, are made into JPEGs of
quality 95 first, and so are all with --made, which brings them to a size for the web before they are protected. A line for each picture,
size and way goes to docs/results/large_pictures.jsonl.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pattern_contrast import STRIDES, contrast, encoder, feature_maps
from PIL import Image
from torch import Tensor

from unseg_cli.bench.report.text import fraction, markdown_table, number
from unseg_cli.core.budget import STRENGTHS, NoiseBudget
from unseg_cli.core.constants import BoolArray, FloatArray, U8Array
from unseg_cli.core.errors import UnsegError
from unseg_cli.core.runs import append_jsonl
from unseg_cli.generators.loading import load_generator
from unseg_cli.generators.session import Session
from unseg_cli.noise.arithmetic import LUMA
from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.decode import open_image
from unseg_cli.pictures.encode import SUFFIXES
from unseg_cli.protect.one import protect_bytes
from unseg_cli.protect.settings import Settings

LINES = Path(__file__).resolve().parent.parent / "docs" / "results" / "large_pictures.jsonl"
SIZES = (256, 512, 1024)
FOLLOWED = 8  # the stride whose contrast victims follow best
Resize = Callable[[U8Array, tuple[int, int]], U8Array]


@dataclass(frozen=True, kw_only=True)
class Protected:
    """A large picture, clean and protected.

    Attributes:
        name: of the file.
        clean: (H, W, 3).
        protected: (H, W, 3), as decoded from what was written.
        object: (H, W).
        mask_source: where `object` came from.
        generator_sha256: of what drew the noise.
    """

    name: str
    clean: U8Array
    protected: U8Array
    object: BoolArray
    mask_source: str
    generator_sha256: str


def by_pillow(how: Image.Resampling) -> Resize:
    """Pillow widens its filters by the factor of reduction: antialiased."""
    return lambda pixels, size: np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), how))


def four_neighbours(pixels: U8Array, size: tuple[int, int]) -> U8Array:
    """Bilinear without antialiasing, as OpenCV does by default: most pixels of the file are never looked at."""
    planes = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
    small = F.interpolate(planes, size, mode="bilinear", align_corners=False, antialias=False)
    return small[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()


def after_jpeg(pixels: U8Array, size: tuple[int, int]) -> U8Array:
    """JPEG 75 at 4:2:0 at full size, then bilinear, antialiased."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "jpeg", quality=75, subsampling="4:2:0")
    with Image.open(buffer) as image:
        return by_pillow(Image.Resampling.BILINEAR)(np.asarray(image), size)


WAYS: dict[str, Resize] = {
    "bilinear": by_pillow(Image.Resampling.BILINEAR),
    "area": by_pillow(Image.Resampling.BOX),
    "lanczos": by_pillow(Image.Resampling.LANCZOS),
    "bilinear, no antialiasing": four_neighbours,
    "jpeg75, bilinear": after_jpeg,
}


def file_bytes(path: Path, longer: int | None = None) -> bytes:
    """A picture file's bytes; as a JPEG where the program does not write its format, or where it is brought to a longer side in pixels."""
    data = path.read_bytes()
    if longer is None and any(path.suffix.lower() in suffixes for suffixes in SUFFIXES.values()):
        return data
    buffer = io.BytesIO()
    with open_image(data, path, any_format=True) as image:
        picture = image.convert("RGB")
    if longer is not None:
        height, width = smaller((picture.height, picture.width), longer)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    picture.save(buffer, "jpeg", quality=95, subsampling="4:4:4")
    return buffer.getvalue()


def protect_picture(path: Path, session: Session, settings: Settings, mask: Path | None, longer: int | None = None) -> Protected:
    """A file as `unseg protect` would leave it."""
    made = protect_bytes(file_bytes(path, longer), mask.read_bytes() if mask else None, session, settings)
    clean, protected = (visible_rgb(one.pixels, one.space) for one in (made.clean, made.written))
    return Protected(
        name=path.name, clean=clean, protected=protected, object=made.mask, mask_source=str(made.record["mask_source"]),
        generator_sha256=made.record["generator_sha256"],
    )  # fmt: skip


def smaller(shape: tuple[int, ...], longer: int) -> tuple[int, int]:
    """(height, width) with so many pixels along the longer side."""
    factor = longer / max(shape[:2])
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def share_of(mask: BoolArray, size: tuple[int, int]) -> FloatArray:
    """The share of the object in each pixel of a smaller picture."""
    return np.asarray(Image.fromarray(mask.astype(np.float32)).resize((size[1], size[0]), Image.Resampling.BOX))


def strength_left(clean: U8Array, protected: U8Array, where: BoolArray) -> dict[str, float]:
    """Root mean square of the difference over some pixels, in 1/255."""
    red, green, blue = (protected.astype(np.float64) - clean)[where].T
    planes = {
        "red_green": red - green,
        "blue_yellow": blue - (red + green) / 2,
        "luma": red * LUMA[0] + green * LUMA[1] + blue * LUMA[2],
    }
    return {name: float(np.sqrt((plane**2).mean())) for name, plane in planes.items()}


def object_features(network: torch.nn.Module, picture: U8Array, mask: BoolArray) -> list[Tensor]:
    """(positions, channels) at each of `STRIDES`, where at least half of the position's square is object."""
    found = []
    for maps in feature_maps(network, [picture]):
        height, width = maps.shape[1:3]
        found.append(maps[0][torch.from_numpy(share_of(mask, (height, width)) >= 0.5)])
    return found


def what_is_left(one: Protected, network: torch.nn.Module, size: int, way: Resize) -> dict[str, Any]:
    """The numbers of a line."""
    to = smaller(one.clean.shape, size)
    clean, noisy = (way(pixels, to) for pixels in (one.clean, one.protected))
    found = zip(object_features(network, clean, one.object), object_features(network, noisy, one.object), strict=True)
    told_apart = [round(contrast(*both), 3) if len(both[0]) > 1 else None for both in found]
    return {
        **{name: round(left, 3) for name, left in strength_left(clean, noisy, share_of(one.object, to) >= 0.5).items()},
        "contrast": told_apart[STRIDES.index(FOLLOWED)],
        "contrasts": {str(stride): value for stride, value in zip(STRIDES, told_apart, strict=True)},
    }


def mean_of(lines: list[dict[str, Any]], name: str) -> float | None:
    """Over the lines that have it."""
    values = [line[name] for line in lines if line[name] is not None]
    return float(np.mean(values)) if values else None


def strength_name(budget: NoiseBudget) -> str:
    """low, medium or high where the budget is one of these, else the bounds."""
    return next(
        (name for name, known in STRENGTHS.items() if known == budget), f"{fraction(budget.foreground)}, {fraction(budget.background)}"
    )


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--generator", default="lite", help="lite, or a .safetensors file")
    parser.add_argument("--strength", default="medium", choices=tuple(STRENGTHS))
    parser.add_argument("--levels", nargs=2, type=float, metavar=("N", "M"), help="grey levels on objects and outside of them")
    parser.add_argument("--masks", type=Path, help="folder with masks of the same stems; without one objects are detected")
    parser.add_argument("--source", required=True, help="where the pictures come from: package, version")
    parser.add_argument("--made", type=int, metavar="PX", help="bring the pictures to this longer side before they are protected")
    parser.add_argument("--note", default="", help="what is special about this trial")
    parser.add_argument("--out", type=Path, default=LINES)
    options = parser.parse_args()
    if options.made and options.masks:
        parser.error("--made goes without --masks, which have the pictures' own size")
    Image.MAX_IMAGE_PIXELS = None
    budget = NoiseBudget(*(level / 255 for level in options.levels), visible=None) if options.levels else STRENGTHS[options.strength]
    session, settings = Session(load_generator(options.generator)), Settings(budget=budget)
    masks = {path.stem: path for path in sorted(options.masks.iterdir())} if options.masks else {}
    pictures = []
    for path in options.pictures:
        try:
            pictures.append(protect_picture(path, session, settings, masks.get(path.stem), options.made))
        except UnsegError as error:  # so little may be seen of the noise that it would not protect
            print(f"{path.name}: {error}", file=sys.stderr)
    network, lines = encoder(), []
    for one in pictures:
        height, width = one.clean.shape[:2]
        shared = {
            "file": one.name,
            "source": options.source,
            "width": width,
            "height": height,
            "made": options.made,
            "mask_source": one.mask_source,
            "object_share": round(float(one.object.mean()), 3),
            "generator_sha256": one.generator_sha256,
            "strength": strength_name(budget),
            "note": options.note,
            "written": {name: round(left, 3) for name, left in strength_left(one.clean, one.protected, one.object).items()},
        }
        for size in SIZES:
            if size < max(height, width):
                lines += [shared | {"size": size, "way": name} | what_is_left(one, network, size, way) for name, way in WAYS.items()]
    for line in lines:
        append_jsonl(options.out, line)
    rows = []
    for size, way in dict.fromkeys((line["size"], line["way"]) for line in lines):
        members = [line for line in lines if (line["size"], line["way"]) == (size, way)]
        means = (number(mean_of(members, name), 2) for name in ("red_green", "blue_yellow", "luma", "contrast"))
        rows.append((str(len(members)), f"{size} px", way, *means))
    print("\n".join(markdown_table(("pictures", "trained at", "resized by", "red-green", "blue-yellow", "luma", "contrast"), rows)))


if __name__ == "__main__":
    main()

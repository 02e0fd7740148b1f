"""What Pillow alone needs for the files that `bench_speed.py` has protected, and how those are made."""

from __future__ import annotations

import io
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from compare_speed import ROOT
from PIL import Image

from unseg_cli.pictures.channels import strips
from unseg_cli.pictures.smaller import REDUCING_GAP, fitted_size

EXAMPLES = ROOT / "examples" / "photos"
QUALITY = 90  # of the files that are made, and what `protect` writes them with
KINDS = 10  # different pictures that `make_pictures` makes
GRAIN = 3.0  # grey levels: enlarged pictures are smoother than any camera's


def make_pictures(folder: Path, size: tuple[int, int], count: int) -> Path:
    """`count` JPEG files of `size` (width, height), made of the examples: one of them, two beside each other, and so on in turn.

    Where the objects are is plain in the former, which saves a network, and not in the latter.
    """
    folder.mkdir(parents=True)
    sources = [path for path in sorted(EXAMPLES.glob("*.*")) if path.suffix in (".jpg", ".png", ".webp", ".bmp")]
    width, height = size
    rng, made = np.random.default_rng(0), []
    for kind in range(min(count, KINDS)):
        left, right = (sources[(kind // 2 + further) % len(sources)] for further in (0, 1))
        alone = kind % 2 == 0
        halves = () if alone else [example(path, (width // 2, height)) for path in (left, right)]
        made.append(grainy_jpeg(example(left, size) if alone else np.concatenate(halves, 1), rng))
    for number in range(count):
        # A byte more: no two files are the same.
        (folder / f"{number:05}.jpg").write_bytes(made[number % len(made)] + number.to_bytes(3, "big"))
    return folder


def example(path: Path, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """One of the examples, at a size (width, height)."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))


def grainy_jpeg(picture: npt.NDArray[np.uint8], rng: np.random.Generator) -> bytes:
    """A picture with a camera's grain, as a JPEG file."""
    grainy = np.empty_like(picture)
    for rows in strips(len(picture)):  # the grain of 200 megapixels at once would take 5 GB
        grain = rng.normal(0, GRAIN, picture[rows].shape).astype(np.float32)
        grainy[rows] = np.clip(picture[rows] + grain, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(grainy).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def reencode(pair: tuple[Path, Path], longest: int | None = None) -> None:
    """Decode a picture and encode it again, as a tool without any noise would, its longer side made `longest` pixels before."""
    with Image.open(pair[0]) as opened:
        opened.load()
        image: Image.Image = opened
        if longest is not None:
            height, width = fitted_size(opened.height, opened.width, longest)
            image = opened.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP)
        image.save(pair[1], "JPEG", quality=QUALITY, subsampling=0)


def pillow_rate(folder: Path, target: Path, workers: int, longest: int | None) -> float:
    """Pictures a second that Pillow decodes and encodes in as many processes; starting them does not count."""
    work = partial(reencode, longest=longest)
    target.mkdir()
    pairs = [(path, target / path.name) for path in sorted(folder.iterdir())]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(work, pairs[: 2 * workers]))
        began = time.perf_counter()
        list(pool.map(work, pairs))
        return len(pairs) / (time.perf_counter() - began)

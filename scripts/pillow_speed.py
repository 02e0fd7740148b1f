"""What Pillow alone needs for the files that `bench_speed.py` has protected, and how those are made."""

from __future__ import annotations

import io
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from compare_speed import ROOT
from PIL import Image

from unseg_cli.pictures.smaller import REDUCING_GAP, fitted_size

EXAMPLES = ROOT / "examples" / "photos"
QUALITY = 90  # of the files that are made, and what `protect` writes them with
GRAIN = 3.0  # grey levels: enlarged pictures are smoother than any camera's


def make_pictures(folder: Path, size: tuple[int, int], count: int) -> Path:
    """`count` JPEG files of `size` (width, height), made of the examples."""
    folder.mkdir(parents=True)
    sources = [path for path in sorted(EXAMPLES.glob("*.*")) if path.suffix in (".jpg", ".png", ".webp", ".bmp")]
    rng, made = np.random.default_rng(0), []
    for path in sources:
        with Image.open(path) as image:
            picture = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC)).astype(np.float32)
        grainy = np.clip(picture + rng.normal(0, GRAIN, picture.shape).astype(np.float32), 0, 255).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(grainy).save(out, "JPEG", quality=QUALITY)
        made.append(out.getvalue())
    for number in range(count):
        # A byte more: no two files are the same.
        (folder / f"{number:05}.jpg").write_bytes(made[number % len(made)] + number.to_bytes(3, "big"))
    return folder


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

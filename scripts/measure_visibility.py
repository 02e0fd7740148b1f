#!/usr/bin/env python3
"""What people see of the noise in protected pictures.

    unseg protect examples/photos out/
    python scripts/measure_visibility.py examples/photos out --sheet out/sheet.png

Any number of pairs SRC DST; a picture is paired with the one of the same name below DST, and what the manifest of `unseg protect` says
goes with it. A line for each picture replaces the line of the same picture, generator and strength in docs/results/visibility.jsonl.
Measured are the perceived difference (unseg_cli/pictures/difference/perceived.py; about 1 can just be seen), FLIP, and what `protect`
reports.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pattern_after_resize import strength_name
from visibility_sheet import Crop, crops_of, sheet

from unseg_cli.bench.report.text import markdown_table, number
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.core.runs import read_jsonl, write_atomically
from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.difference import measure, perceive
from unseg_cli.pictures.difference.flip import flip
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.verification.pairs import Pair, pair_trees

LINES = Path(__file__).resolve().parent.parent / "docs" / "results" / "visibility.jsonl"
KEY = ("file", "generator_sha256", "strength")
#: Name -> the most that it may be: over all pictures, or in each.
MEAN_DIFFERENCE, EVERY_P95, MEAN_FLIP = 0.4, 1.0, 0.09


def strength_of(row: Record | None) -> str | None:
    """The name of the bounds on the object and outside of it, or the bounds where they have none."""
    return strength_name(NoiseBudget(row["epsilon"], row["epsilon_bg"])) if row else None


def pairs_of(trees: list[Path]) -> Iterator[Pair]:
    """The pairs of pictures of pairs of trees."""
    for src, dst in zip(trees[::2], trees[1::2], strict=True):
        for pair in pair_trees(src, dst, None).pairs:
            if pair.dst is None:
                raise UsageProblem(f"{pair.name} is not in {dst}", hint="protect it first, or take it out of SRC")
            yield pair


def measured(pair: Pair) -> tuple[dict[str, Any], list[Crop]]:
    """The line of a picture, and its places for the sheet."""
    assert pair.dst is not None
    clean, protected = read_picture(pair.src), read_picture(pair.dst)
    if clean.pixels.shape != protected.pixels.shape or clean.pixels.dtype != protected.pixels.dtype:
        raise UnsegError(f"{pair.name}: {pair.dst} is of another size or kind", hint="protect it again without changing its size")
    seen, plain = perceive(clean.pixels, protected.pixels), measure(clean.pixels, protected.pixels)
    line = {
        "file": pair.name,
        "generator_sha256": pair.row["generator_sha256"] if pair.row else None,
        "strength": strength_of(pair.row),
        "difference_mean": round(seen.mean, 4),
        "difference_p95": round(seen.p95, 4),
        "flip": round(flip(clean.pixels, protected.pixels), 4),
        "linf_255": round(plain.linf_255, 2),
        "psnr": None if plain.psnr is None else round(plain.psnr, 2),
        "ssim": None if plain.ssim is None else round(plain.ssim, 4),
        "mask_source": pair.row["mask_source"] if pair.row else None,
    }
    return line, crops_of(pair.name, *(visible_rgb(one.pixels, one.space) for one in (clean, protected)))


def keep(path: Path, lines: list[dict[str, Any]]) -> None:
    """Put lines into a file, in place of those of the same pictures, generators and strengths."""
    new = {tuple(line[name] for name in KEY) for line in lines}
    old = [line for line in (read_jsonl(path) if path.exists() else []) if tuple(line[name] for name in KEY) not in new]
    text = "".join(json.dumps(line) + "\n" for line in [*old, *lines])
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def table(lines: list[dict[str, Any]]) -> list[str]:
    """The lines as Markdown, with the mean and the worst."""
    columns = {"difference_mean": 2, "difference_p95": 2, "flip": 3, "linf_255": 0, "psnr": 1, "ssim": 3}
    rows = [(line["file"], *(number(line[name], digits) for name, digits in columns.items())) for line in lines]
    for name, statistic in (("mean", np.mean), ("worst", None)):
        cells = []
        for column, digits in columns.items():
            values = [line[column] for line in lines if line[column] is not None]
            worst = min if column in ("psnr", "ssim") else max
            cells.append(number(float((statistic or worst)(values)), digits) if values else "-")
        rows.append((f"**{name}**", *cells))
    return markdown_table(("picture", "difference, mean", "difference, p95", "FLIP", "L-inf /255", "PSNR dB", "SSIM"), rows)


def verdicts(lines: list[dict[str, Any]]) -> list[str]:
    """Whether the aims are met."""
    found = (
        ("mean difference over pictures", float(np.mean([line["difference_mean"] for line in lines])), MEAN_DIFFERENCE, 3),
        ("largest 95th percentile of a picture", max(line["difference_p95"] for line in lines), EVERY_P95, 2),
        ("mean FLIP", float(np.mean([line["flip"] for line in lines])), MEAN_FLIP, 3),
    )
    return [f"{what}: {value:.{digits}f}, at most {most}: {'met' if value <= most else 'not met'}" for what, value, most, digits in found]


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path, metavar="SRC DST", help="a clean picture or folder, and its protected one")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet of the worst places, clean | protected at 200 %%")
    parser.add_argument("--out", type=Path, default=LINES)
    options = parser.parse_args()
    if len(options.trees) % 2:
        parser.error("SRC and DST come in pairs")
    lines, crops = [], []
    try:
        for pair in pairs_of(options.trees):
            line, places = measured(pair)
            lines.append(line)
            crops += places if options.sheet else []
    except UnsegError as problem:
        sys.exit(f"error: {problem.message}\nhint: {problem.hint}")
    keep(options.out, lines)
    print("\n".join([*table(lines), "", *verdicts(lines)]))
    if options.sheet:
        sheet(crops).save(options.sheet)


if __name__ == "__main__":
    main()

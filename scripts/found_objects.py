#!/usr/bin/env python3
"""How well a generator finds the objects of a data set by itself: the overlap of its masks with the true ones.

    python scripts/found_objects.py --data ../shared/data/ecssd
    python scripts/found_objects.py --data ../shared/data/cvc_clinicdb --skip 245 --generator runs/adapt-cvc/generator.safetensors

What `--protect-masks auto` is worth depends on this more than on the noise: no object that is marked in the wrong place is hidden. Lines go
to docs/results/found_objects.jsonl, from which `make results` makes a table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from unseg_cli.bench.metrics.confusion import binary_iou, confusion_per_picture
from unseg_cli.core.constants import IGNORE
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.datasets.sample import read_image
from unseg_cli.generators.files import load_generator
from unseg_cli.generators.session import Session

LINES = Path(__file__).resolve().parent.parent / "docs" / "results" / "found_objects.jsonl"
RIGHT = 0.5  # IoU from which on the object counts as found


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder images/{train,test} + masks/{train,test}")
    parser.add_argument("--generator", default="lite", help="lite, or a .safetensors file")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many training pictures, by name: those that it was adapted to")
    parser.add_argument("--note", default="", help="how the generator was made")
    parser.add_argument("--out", type=Path, default=LINES)
    options = parser.parse_args()
    data, generator = open_labelled(options.data), load_generator(options.generator)
    objects, overlaps = data.foreground_labels(None), []
    for sample in data.train[options.skip :]:
        labels = data.read_labels(sample)
        truth = np.where(labels == IGNORE, IGNORE, np.isin(labels, objects))
        (made,) = Session(generator).noise([read_image(sample.image)], [None], spare=False)
        confusion = confusion_per_picture(torch.from_numpy(made.mask)[None], torch.from_numpy(truth)[None], 2)
        overlaps.append(binary_iou(confusion).item())
    line = {
        "data": Path(options.data).name,
        "skipped": options.skip,
        "pictures": len(overlaps),
        "generator": "lite" if options.generator == "lite" else generator.source.sha256[:12],
        "note": options.note,
        "iou": round(float(np.mean(overlaps)), 3),
        "found": round(float(np.mean(np.array(overlaps) > RIGHT)), 3),
    }
    print(json.dumps(line))
    with options.out.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()

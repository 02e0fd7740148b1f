#!/usr/bin/env python3
"""How well a generator finds the objects of a data set by itself, see unseg_cli/bench/detections.py.

    python scripts/measure_detections.py --data ../shared/data/ecssd
    python scripts/measure_detections.py --data ../shared/data/cvc_clinicdb --skip 245 --generator runs/adapt-cvc/generator.safetensors

Lines go to docs/results/detections.jsonl, from which `make results` makes a table.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from unseg_cli.bench.detections import compare_detections
from unseg_cli.core.runs import append_jsonl
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session

LINES = Path(__file__).resolve().parent.parent / "docs" / "results" / "detections.jsonl"


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder images/{train,test} + masks/{train,test}")
    parser.add_argument("--generator", default="lite", help="lite, or a .safetensors file")
    parser.add_argument("--skip", type=int, default=0, help="omit so many training pictures, by name: those that it was adapted to")
    parser.add_argument("--test", action="store_true", help="the test pictures, too")
    parser.add_argument("--note", default="", help="how the generator was made")
    parser.add_argument("--out", type=Path, default=LINES)
    options = parser.parse_args()
    data, session = open_labelled(options.data), Session(open_runtime(options.generator))
    samples = [*data.train[options.skip :], *(data.test if options.test else ())]
    compared = compare_detections(session, data, samples)
    line = {
        "data": Path(options.data).name + (", training and test" if options.test else ""),
        "skipped": options.skip,
        "pictures": compared.pictures,
        "generator": "lite" if options.generator == "lite" else session.generator.source.sha256[:12],
        "note": options.note,
        "iou": round(compared.iou, 3),
        "found": round(compared.detected, 3),
        "finder": session.finder.name,
        "sureness": None if compared.sureness is None else [_rounded(asdict(row)) for row in compared.sureness],
    }
    print(json.dumps(line))
    append_jsonl(options.out, line)


def _rounded(row: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in row.items()}


if __name__ == "__main__":
    main()

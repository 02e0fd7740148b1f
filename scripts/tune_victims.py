#!/usr/bin/env python3
"""How the victims of `unseg bench` are best trained: clean pictures alone, over a grid of learning rates and epochs.

    python scripts/tune_victims.py --data ../shared/data/ecssd --victims unet,deeplabv3plus --lr 5e-4,1e-3,2e-3 --epochs 8
    python scripts/tune_victims.py --data ../shared/data/ecssd --victims unet --init scratch --lr 1e-3 --epochs 8,24

An attacker tunes on what they have; protection is then measured with the schedules in unseg_cli/bench/victims/registry.py, left alone.
Lines go to docs/results/schedules.jsonl, from which `make results` makes a table. A line that is there already is not trained again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any, get_args

from unseg_cli.bench.config import BenchConfig
from unseg_cli.bench.report.kept import UNSAID
from unseg_cli.bench.run import bench
from unseg_cli.bench.victims.schedule import AugmentName
from unseg_cli.core.events import Events
from unseg_cli.core.settings import parse_integers, parse_names

LINES = Path(__file__).resolve().parent.parent / "docs" / "results" / "schedules.jsonl"


def grid(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The points of the grid, the cheap ones first."""
    axes = itertools.product(
        parse_integers(options.epochs, "--epochs"),
        parse_names(options.victims, "--victims"),
        [float(lr) for lr in parse_names(options.lr, "--lr")],
        parse_integers(options.seeds, "--seeds"),
    )
    fixed = {"data": Path(options.data).name, "init": options.init, "augment": options.augment}
    return [{**fixed, "epochs": epochs, "victim": victim, "lr": lr, "seed": seed} for epochs, victim, lr, seed in axes]


def train_one(point: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """One clean training, as a line."""
    with tempfile.TemporaryDirectory() as folder:
        config = BenchConfig(
            victims=(point["victim"],), data=options.data, conditions=("clean",), init=point["init"],
            epochs=point["epochs"], lr=point["lr"], seeds=(point["seed"],), image_size=options.image_size, augment=point["augment"],
            limit=options.limit, out=Path(folder) / "run",
        )  # fmt: skip
        row = bench(config, Events()).document["rows"][0]
    size = max(row["height"], row["width"])
    return {**point, "size": size, **{name: row[name] for name in ("final", "best", "best_epoch", "seconds")}}


def main() -> None:
    """Run the grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--victims", default="unet", help="names joined by commas")
    parser.add_argument("--init", default="pretrained", choices=["pretrained", "scratch"])
    parser.add_argument("--lr", default="1e-3", help="peak learning rates joined by commas")
    parser.add_argument("--epochs", default="8", help="numbers of epochs joined by commas")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--augment", default="jitter", choices=get_args(AugmentName))
    parser.add_argument("--limit", type=int, help="pictures of each split; for trying the script out, with another --out")
    parser.add_argument("--out", type=Path, default=LINES)
    options = parser.parse_args()
    if options.limit and options.out == LINES:
        parser.error("--limit: lines of a part of the data do not belong to the others; pass another --out")
    for point in grid(options):
        done = [json.loads(line) for line in options.out.read_text(encoding="utf-8").splitlines()] if options.out.is_file() else []
        if any(
            all(line.get(name, UNSAID) == point[name] for name in point) and options.image_size in (None, line["size"]) for line in done
        ):
            continue
        line = train_one(point, options)
        with options.out.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()

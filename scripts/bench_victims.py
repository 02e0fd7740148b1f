#!/usr/bin/env python3
"""How many training pictures a second each victim of `unseg bench` takes on this machine: what `unseg bench --dry-run` reckons with.

python scripts/bench_victims.py [--victims unet,sam] [--steps 4]     print a table
python scripts/bench_victims.py --write                               also write unseg_cli/bench/victims/speeds.json
python scripts/bench_victims.py --encoder resnet50 --image-size 256 --batch-size 4 --amp     on another encoder, in bf16

Each is measured at the size and batch of its own schedule, unless said otherwise, on made-up pictures of a few objects, after a step that
does not count. Pictures are read from a file that is mapped into memory, as `unseg bench` reads what it has prepared; *feeding* is the
share of the time that reading and augmenting take.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from unseg_cli.bench.augmentation import AUGMENTATIONS  # noqa: E402
from unseg_cli.bench.fit import in_precision  # noqa: E402
from unseg_cli.bench.tasks import TASKS  # noqa: E402
from unseg_cli.bench.victims.base import VictimSpec  # noqa: E402
from unseg_cli.bench.victims.registry import ENCODERS, ON, VICTIMS, VictimEntry, find_victim  # noqa: E402
from unseg_cli.bench.victims.schedule import Schedule  # noqa: E402
from unseg_cli.core.device import seed_everything  # noqa: E402
from unseg_cli.datasets.sample import Segment, Truth  # noqa: E402

FILE = ROOT / "unseg_cli" / "bench" / "victims" / "speeds.json"
CLASSES = ("ground", "car", "pole", "tree")
OBJECTS = 4


def truth(side: int, number: int, binary: bool) -> Truth:
    """Some rectangles."""
    rng = np.random.default_rng(number)
    labels, segments = np.zeros((side, side), np.uint8), []
    for _ in range(OBJECTS):
        top, left, height, width = (int(value) for value in rng.integers(side // 8, side // 2, 4))
        mask = np.zeros((side, side), bool)
        mask[top : top + height, left : left + width] = True
        category = 1 if binary else int(rng.integers(1, len(CLASSES)))
        labels[mask] = category
        segments.append(Segment(size=(side, side), shape=mask, category=category))
    return Truth(labels=labels, segments=tuple(segments))


def rate(entry: VictimEntry, task: str, schedule: Schedule, steps: int, *, pretrained: bool) -> tuple[float, float, int]:
    """Training pictures a second, the share of the time in which no network computes, and the number of parameters."""
    seed_everything(0)
    classes = CLASSES[:2] if task == "binary" else CLASSES
    side = schedule.image_size
    network = entry.build(VictimSpec(task=task, classes=classes, pretrained=pretrained, side=side, things=(1, 2, 3))).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)
    count = 4 * schedule.batch_size
    targets = [TASKS[task].target(truth(side, number, task == "binary")) for number in range(count)]
    draw, started, feeding = torch.Generator().manual_seed(0), 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pictures"
        np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8).tofile(path)
        images = torch.from_file(str(path), shared=False, size=count * side * side * 3, dtype=torch.uint8)
        images = images.view(count, side, side, 3).permute(0, 3, 1, 2)
        for step in range(steps + 1):
            began = time.perf_counter()
            if step == 1:
                started, feeding = began, 0.0
            chosen = torch.randperm(count, generator=draw)[: schedule.batch_size]
            batch = AUGMENTATIONS["jitter"](images[chosen], [targets[number] for number in chosen.tolist()], draw)
            feeding += time.perf_counter() - began
            optimizer.zero_grad(set_to_none=True)
            with in_precision(torch.device("cpu"), amp=schedule.amp):
                loss = torch.stack([*network(batch).values()]).sum()
            loss.backward()
            optimizer.step()
        seconds = time.perf_counter() - started
        del images  # Windows deletes no file that is open
    return steps * schedule.batch_size / seconds, feeding / seconds, sum(parameter.numel() for parameter in network.parameters())


def main(arguments: list[str] | None = None) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--victims", default=",".join(VICTIMS), help="names, joined by commas (default: all)")
    parser.add_argument("--encoder", choices=ENCODERS, help="instead of lite0, with random weights, where a victim has it")
    parser.add_argument("--image-size", type=int, help="in place of the schedule's")
    parser.add_argument("--batch-size", type=int, help="in place of the schedule's")
    parser.add_argument("--amp", action="store_true", help="forward passes in bf16")
    parser.add_argument("--steps", type=int, default=4, help="that count (default: 4)")
    parser.add_argument("--write", action="store_true", help=f"put what was measured into {FILE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    changes = {"image_size": options.image_size, "batch_size": options.batch_size, "amp": options.amp or None}
    changes = {name: value for name, value in changes.items() if value is not None}
    if options.write and (changes or options.encoder):
        parser.error("--write is for the schedules as they are")
    found: dict[str, dict[str, Any]] = {}
    print(f"{'victim':<24}{'task':<12}{'size':>6}{'batch':>7}{'pictures/s':>12}{'feeding %':>11}{'parameters, M':>15}")
    for victim in options.victims.split(","):
        if options.encoder is not None and options.encoder not in find_victim(victim).encoders:
            continue
        entry = find_victim(victim if options.encoder is None else f"{victim}{ON}{options.encoder}")
        for task, own in entry.schedules.items():
            schedule = dataclasses.replace(own, **changes)
            speed, feeding, parameters = rate(entry, task, schedule, options.steps, pretrained=options.encoder is None)
            facts = {"pictures_per_second": round(speed, 2), "image_size": schedule.image_size, "parameters": parameters}
            found.setdefault(victim, {})[task] = facts
            line = f"{entry.name:<24}{task:<12}{schedule.image_size:>6}{schedule.batch_size:>7}{speed:>12.1f}{100 * feeding:>11.1f}"
            print(f"{line}{parameters / 1e6:>15.1f}", flush=True)
    if options.write:
        before = json.loads(FILE.read_text(encoding="utf-8"))["victims"] if FILE.exists() else {}
        document = {"threads": torch.get_num_threads(), "machine": platform.machine(), "victims": before | found}
        FILE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

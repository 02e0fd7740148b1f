#!/usr/bin/env python3
"""How fast `unseg train` is on this machine, and how much memory it takes: a row for each kind of step of each generator.

python scripts/bench_train.py [--generators lite,sam_lite,vit_b] [--steps 6] [--data synthetic] [--device auto] [--amp] [--json FILE]

The loop is that of `unseg train`: pictures are read by one more process, and metrics written. *not arithmetic* is the share of the time
that no network computes: waiting for pictures, writing, and what Python does in between. vit_b runs at its own size, 1,024 px, two
pictures a step, with random weights, for two steps where there is no GPU. Each generator has a process of its own, whose peak memory is
shown.

docs/results.md has the table of docs/results/train_speed.json, which --json writes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from unseg_cli.bench.report.text import markdown_table  # noqa: E402
from unseg_cli.bench.report.train_speed import HEADER, row_of  # noqa: E402
from unseg_cli.core.parallel.spread import cores  # noqa: E402

#: Generator -> the preset whose settings it is measured with, and what differs.
MEASURED: dict[str, tuple[str, dict[str, Any]]] = {
    "lite": ("lite", {"object_epochs": 0.0, "focus_epochs": 0.0}),
    "sam_lite": ("paper-lite", {}),
    "vit_b": ("paper", {"init": "random", "surrogate_weights": "random", "batch_size": 2}),
}
#: Steps that do not count: memory is taken and kernels are chosen.
WARM_UP = 1


def measure(name: str, steps: int, data: str, device: str, amp: bool) -> list[dict[str, Any]]:
    """A row for the surrogate's steps and one for the noise's."""
    from unseg_cli.core.events import Events
    from unseg_cli.datasets.batches import pictures_in
    from unseg_cli.datasets.registry import open_training
    from unseg_cli.train.loop import to_device, training_batches
    from unseg_cli.train.presets import train_config
    from unseg_cli.train.processes import Processes
    from unseg_cli.train.run_folder import RunFolder
    from unseg_cli.train.setup import build_learners, schedule_of, spec_of

    preset, changes = MEASURED[name]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        count = steps + WARM_UP
        # Surrogate steps, then noise steps.
        order = {"epochs": 1e6, "max_steps": 2 * count, "surrogate_every": 2, "block_steps": count}
        config = train_config(preset, data=data, out=Path(folder), device=device, amp=amp, **order, **changes)
        processes, spec, sets = Processes(device, config.precision), spec_of(config), open_training(data)
        learners, schedule = build_learners(config, spec, processes, Events()), schedule_of(config, pictures_in(sets))
        run = RunFolder(config, None, step=0, pictures=pictures_in(sets), weights={}, processes=processes)
        computing, started = 0.0, time.perf_counter()
        feed = training_batches(config, sets, spec.image_size, schedule, 0, processes.rows(config.batch_size))
        for step, batch in enumerate(feed):
            if step % count == WARM_UP:
                computing, started = 0.0, time.perf_counter()
            begin = time.perf_counter()
            loss = learners.learn(schedule.turn(step), to_device(batch, processes.device), seed=step, rate=1.0)
            computing += time.perf_counter() - begin
            run.record(turn=schedule.turn(step), step=step, loss=loss, seconds=0.0)
            if (step + 1) % count == 0:
                seconds = time.perf_counter() - started
                rows.append(
                    {
                        "generator": name,
                        "step": schedule.turn(step),
                        "pictures": config.batch_size,
                        "px": spec.image_size,
                        "seconds": seconds / steps,
                        "rate": config.batch_size * steps / seconds,
                        "other": 100 * (1 - computing / seconds),
                    }
                )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    return [{**row, "gigabytes": peak} for row in rows]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generators", default=",".join(MEASURED))
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.steps, arguments.data, arguments.device, arguments.amp)))
        return 0
    rows: list[dict[str, Any]] = []
    for name in arguments.generators.split(","):
        steps = 2 if name == "vit_b" and arguments.device in ("auto", "cpu") else arguments.steps
        line = [sys.executable, __file__, "--one", name, "--steps", str(steps), "--data", arguments.data, "--device", arguments.device]
        done = subprocess.run([*line, *(["--amp"] if arguments.amp else [])], capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return done.returncode
        rows += json.loads(done.stdout.splitlines()[-1])
    print("\n".join(markdown_table(HEADER, [row_of(row) for row in rows])))
    if arguments.json:
        document = {"command": "python scripts/bench_train.py", "cores": cores(), "device": arguments.device, "rows": rows}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Measure `unseg protect --engine ray` on this machine, and write what follows from it for 50 million pictures into docs/scaling.md.

python scripts/bench_ray.py PICTURES [--limit 200]     measure; PICTURES is a folder of ordinary photographs
python scripts/bench_ray.py --page                     write docs/scaling.md again from docs/results/scaling.json
python scripts/bench_ray.py --check                    exit 1 where the page is not what the file says
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from compare_speed import LIMIT, ROOT

FACTS, PAGE = ROOT / "docs" / "results" / "scaling.json", ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- numbers by scripts/bench_ray.py -->", "<!-- end of numbers -->"
#: What is assumed, not measured: put in your own.
PICTURES, DOLLARS_A_CORE_HOUR, DOLLARS_A_THOUSAND_WRITES, DOLLARS_A_THOUSAND_READS = 50_000_000, 0.04, 0.005, 0.0004
CORES = 1000


def main(arguments: list[str] | None = None, facts: Path = FACTS, page: Path = PAGE) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="?", type=Path)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if options.pictures:
        facts.write_text(json.dumps(measure(options.pictures, options.limit), indent=1) + "\n", encoding="utf-8")
    elif not options.page and not options.check:
        parser.error("name a folder of pictures, or pass --page or --check")
    before = page.read_text(encoding="utf-8")
    head, _, rest = before.partition(BEGIN)
    after = f"{head}{BEGIN}\n\n{numbers(json.loads(facts.read_text(encoding='utf-8')))}\n\n{END}{rest.partition(END)[2]}"
    if options.check:
        return int(after != before)
    page.write_text(after, encoding="utf-8")
    return 0


def measure(pictures: Path, limit: int) -> dict[str, Any]:
    """Seconds, requests and bytes of runs over some pictures."""
    sys.path.insert(0, str(ROOT))
    from tests.pictures.stores.s3_server import s3

    with tempfile.TemporaryDirectory() as place:
        src = Path(place, "src")
        src.mkdir()
        for path in sorted(pictures.iterdir())[:limit]:
            shutil.copy(path, src)
        count = len(list(src.iterdir()))
        runs = {workers: [_run(src, Path(place, f"out-{workers}-{again}"), workers) for again in range(2)] for workers in (1, 2)}
        starts = {workers: _run(src, Path(place, f"out-{workers}-0"), workers) for workers in (1, 2)}  # all of it is done already
        lines = b"".join(path.read_bytes() for path in Path(place, "out-2-0", "unseg-manifest").glob("*.jsonl"))
        asked = _Requests()
        with s3() as bucket:
            import s3fs

            s3fs.S3FileSystem().put(str(src), f"{bucket.removeprefix('s3://')}/in", recursive=True)
            with asked:
                _run(f"{bucket}/in", f"{bucket}/out", 2)
        return {
            "command": f"python scripts/bench_ray.py PICTURES --limit {limit}",
            "pictures": count,
            "bytes_a_picture": round(sum(path.stat().st_size for path in src.iterdir()) / count),
            "seconds": {str(workers): min(found) for workers, found in runs.items()},
            "seconds_with_nothing_to_do": {str(workers): found for workers, found in starts.items()},
            "memory_a_name": memory_a_name(),
            "manifest_bytes_a_picture": round(len(lines) / count),
            "reads_a_picture": round(asked.reads / count, 2),
            "writes_a_picture": round(asked.writes / count, 2),
        }


def memory_a_name(count: int = 200_000) -> int:
    """Bytes that a listed picture takes where the command was started, once it is ready for Ray."""
    import tracemalloc

    from unseg_cli.protect.jobs import Job

    tracemalloc.start()
    names = [f"2024/{number // 1000:04d}/photo-{number:09d}.jpg" for number in range(count)]
    jobs = {name: Job(name=name, dst_name=name) for name in names}
    parts = json.dumps([vars(job) for job in jobs.values()])
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parts
    return round(used / count)


def _run(src: Path | str, dst: Path | str, workers: int) -> float:
    started = time.perf_counter()
    line = [sys.executable, "-m", "unseg_cli", "protect", str(src), str(dst), *LIMIT]
    line += ["--engine", "ray", "--workers", str(workers), "-q"]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True)
    return round(time.perf_counter() - started, 2)


class _Requests(logging.Handler):
    """Counts what the server is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.writes = 0

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        self.reads += '"GET' in text or '"HEAD' in text
        self.writes += '"PUT' in text or '"POST' in text or '"DELETE' in text

    def __enter__(self) -> None:
        logger = logging.getLogger("werkzeug")
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def __exit__(self, *_: object) -> None:
        logging.getLogger("werkzeug").removeHandler(self)


def numbers(facts: dict[str, Any]) -> str:
    """The part of the page that follows from what was measured."""
    count = facts["pictures"]
    starts = facts["seconds_with_nothing_to_do"]
    work = {workers: facts["seconds"][workers] - starts[workers] for workers in ("1", "2")}
    core = work["2"] * 2 / count
    hours = PICTURES * core / 3600
    manifest, names = (PICTURES * facts[size] / 1e9 for size in ("manifest_bytes_a_picture", "memory_a_name"))
    writes, reads = (PICTURES * facts[f"{kind}_a_picture"] for kind in ("writes", "reads"))
    dollars = (hours * DOLLARS_A_CORE_HOUR, writes / 1000 * DOLLARS_A_THOUSAND_WRITES, reads / 1000 * DOLLARS_A_THOUSAND_READS)
    return "\n".join(
        [
            f"Measured with `{facts['command']}` on 2 cores: {count} photographs of {facts['bytes_a_picture'] / 1000:.0f} kB,",
            "the better of two runs. The starts are runs that found everything done.",
            "",
            "| workers | seconds | of them to start | pictures/s after that |",
            "| --- | --- | --- | --- |",
            *(
                f"| {workers} | {facts['seconds'][workers]:.1f} | {starts[workers]:.1f} | {count / work[workers]:.1f} |"
                for workers in ("1", "2")
            ),
            "",
            f"A picture takes {core:.3f} seconds of a core, {facts['manifest_bytes_a_picture']} bytes of the manifest, "
            f"{facts['reads_a_picture']:g} reading and {facts['writes_a_picture']:g} writing requests.",
            "",
            f"For {PICTURES / 1e6:.0f} million such pictures:",
            "",
            "| what | how much | from |",
            "| --- | --- | --- |",
            f"| time of cores | {hours:,.0f} hours, {dollars[0]:,.0f} $ | {DOLLARS_A_CORE_HOUR} $ an hour |",
            f"| time | {hours / CORES:.1f} hours | {CORES:,} cores, if the store keeps up: {CORES / core:,.0f} pictures/s |",
            f"| writing requests | {writes / 1e6:.0f} million, {dollars[1]:,.0f} $ | {DOLLARS_A_THOUSAND_WRITES} $ for 1,000 |",
            f"| reading requests | {reads / 1e6:.0f} million, {dollars[2]:,.0f} $ | {DOLLARS_A_THOUSAND_READS} $ for 1,000 |",
            f"| manifest | {manifest:.0f} GB in {PICTURES // 500:,} parts | 500 pictures a part |",
            f"| memory where it was started | {names:.0f} GB | {facts['memory_a_name']} bytes a name |",
            f"| in all | {sum(dollars):,.0f} $ | prices are assumptions: put in your own |",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

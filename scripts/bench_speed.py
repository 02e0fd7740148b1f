"""How fast the generator is here, beside what reading and writing the same pictures costs anyway.

    python scripts/bench_speed.py [--pictures FOLDER] [--generator lite|FILE] [--repeats 5]
    python scripts/bench_speed.py --rate-only [--against COMMIT] [--rounds 3]

Prints seconds a picture, the median of the repeats, at one and two threads and for batches of 1 and 8; then the pictures a second
of a whole `unseg protect`, and the most memory the process ever held.

With --rate-only it prints the pictures a second of `unseg protect` alone, each round in a process of its own, after one round that does not
count. With --against it checks COMMIT out beside this one, lets the two take turns, so that whatever else the machine does hits both, and
prints both medians and their ratio. Through make: `make bench-speed ARGS="--rate-only --against COMMIT"`.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UnsegError
from unseg_cli.core.events import Events
from unseg_cli.generators.loading import load_generator
from unseg_cli.generators.session import Session
from unseg_cli.models.build import Generator, build_generator
from unseg_cli.models.prompt import Prompt
from unseg_cli.protect.config import ProtectConfig
from unseg_cli.protect.run import protect

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples" / "photos"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
THREADS = (1, 2)
BATCHES = (1, 8)
#: What the project promises for mask and noise together, seconds a picture on two cores.
PROMISED = 0.3
#: Fewer rounds make no median.
LEAST_ROUNDS = 3


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median duration of `work`, after one call that is not counted."""
    work()
    durations = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        durations.append(time.perf_counter() - began)
    return statistics.median(durations)


def reencode(path: Path) -> None:
    """Decode a picture and encode it again in memory, as a tool without any noise would."""
    with Image.open(path) as picture:
        kind = picture.format
        picture.load()
        options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {"quality": 95} if kind == "WEBP" else {}
        picture.save(io.BytesIO(), format=kind, **options)


def generator_rows(generator: Generator, pictures: list[np.ndarray], repeats: int) -> dict[str, dict[tuple[int, int], float]]:
    """Stage -> (threads, batch) -> seconds a picture."""
    size = generator.spec.image_size

    def batch_of(count: int) -> tuple[torch.Tensor, list[np.ndarray]]:
        chosen = [pictures[index % len(pictures)] for index in range(count)]
        frames = [np.asarray(Image.fromarray(picture).resize((size, size))) for picture in chosen]
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float().div_(255), chosen

    rows: dict[str, dict[tuple[int, int], float]] = {
        "image encoder": {},
        "encoder, mask and noise": {},
        "the same from picture to noise": {},
    }
    for threads in THREADS:
        torch.set_num_threads(threads)
        for count in BATCHES:
            frames, chosen = batch_of(count)
            works: list[Callable[[], object]] = [
                lambda frames=frames: generator.encode(frames),
                lambda frames=frames: generator(frames, Prompt()),
                lambda chosen=chosen: Session(generator).noise(chosen, [None] * len(chosen), budget=NoiseBudget()),
            ]
            for row, work in zip(rows.values(), works, strict=True):
                with torch.inference_mode():
                    row[threads, count] = median_seconds(work, repeats) / count
    return rows


def protect_rate(folder: Path, generator: str) -> str:
    """Pictures a second of the whole command; a reason where it cannot run."""
    with tempfile.TemporaryDirectory() as target:
        try:
            report = protect(ProtectConfig(src=folder, dst=Path(target) / "out", generator=generator, device="cpu"), Events())
        except UnsegError as problem:
            return f"not measured: {problem.message}"
    return f"{report.document['images_per_second']:.2f} pictures/s ({report.document['protected']} pictures, loading included)"


def rate_of(code: Path, pictures: Path, generator: str) -> float:
    """Pictures a second of `unseg protect`, run from a checkout in a process of its own; loading the weights counts, importing does not.

    Raises:
        UnsegError: it did not end well.
    """
    with tempfile.TemporaryDirectory() as target:
        command = [sys.executable, "-m", "unseg_cli", "protect", str(pictures.resolve()), str(Path(target) / "out")]
        command += ["--generator", generator, "--device", "cpu", "--quiet", "--json"]
        done = subprocess.run(command, cwd=code, env={**os.environ, "PYTHONPATH": str(code)}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnsegError(f"`unseg protect` in {code} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return float(json.loads(done.stdout)["images_per_second"])


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A commit of this repository in a temporary folder.

    Raises:
        UnsegError: there is no such commit.
    """
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "code"
        made = subprocess.run(
            ["git", "-C", str(ROOT), "worktree", "add", "--detach", str(code), commit], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise UnsegError(f"{commit} cannot be checked out: {made.stderr.strip()}")
        try:
            yield code
        finally:
            subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(code)], capture_output=True, check=False)


def rates(codes: dict[str, Path], pictures: Path, generator: str, rounds: int) -> dict[str, list[float]]:
    """Name -> pictures a second in each round; all names take turns, and a first round does not count."""
    found: dict[str, list[float]] = {name: [] for name in codes}
    for number in range(rounds + 1):
        for name, code in codes.items():
            rate = rate_of(code, pictures, generator)
            if number:
                found[name].append(rate)
    return found


def print_rates(options: argparse.Namespace) -> None:
    """The rate of this code, and beside it that of another commit where one is named."""
    rounds = max(options.rounds, LEAST_ROUNDS)
    if not options.against:
        found = rates({"now": ROOT}, options.pictures, options.generator, rounds)
    else:
        with checkout(options.against) as code:
            found = rates({options.against: code, "now": ROOT}, options.pictures, options.generator, rounds)
    for name, each in found.items():
        print(f"{name:<16}{statistics.median(each):>8.3f} pictures/s, the median of {', '.join(f'{rate:.3f}' for rate in each)}")
    if options.against:
        before, now = (statistics.median(found[name]) for name in (options.against, "now"))
        print(f"{'ratio':<16}{now / before:>8.3f}")


def busy_note() -> str:
    """A warning where other programs compete for the cores: threads that wait for each other then take many times longer."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    cores = os.cpu_count() or 1
    return f"the machine is busy (load {load:.1f} on {cores} cores): read the figures as upper bounds\n" if load > cores / 2 else ""


def peak_memory() -> str:
    """The most memory this process ever held; Windows does not tell."""
    try:
        import resource
    except ImportError:
        return "unknown on this system"
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20:.0f} MiB"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, default=EXAMPLES, help="a folder of pictures (default: examples/photos)")
    parser.add_argument("--generator", default="lite", help="lite (default) or a weights file of that kind")
    parser.add_argument("--repeats", type=int, default=5, help="how often each stage is timed (default: 5)")
    parser.add_argument("--rate-only", action="store_true", help="only pictures a second of `unseg protect`")
    parser.add_argument("--against", metavar="COMMIT", default="", help="with --rate-only: take turns with this commit")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help=f"how often each is run (default and least: {LEAST_ROUNDS})")
    options = parser.parse_args()
    if options.against and not options.rate_only:
        parser.error("--against goes with --rate-only")

    paths = sorted(path for path in options.pictures.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        print(f"no picture in {options.pictures}", file=sys.stderr)
        return 3
    if options.rate_only:
        print(busy_note(), end="")
        try:
            print_rates(options)
        except UnsegError as problem:
            print(f"error: {problem.message}", file=sys.stderr)
            return 1
        return 0
    try:
        generator = load_generator(options.generator)
        kind = f"{options.generator}, {generator.source.sha256[:12]}"
    except UnsegError as problem:
        print(f"{problem.message}: a random build is timed instead", file=sys.stderr)
        generator = build_generator("lite").eval().requires_grad_(False).to(memory_format=torch.channels_last)
        kind = "lite, random weights"
    if not generator.spec.finds_objects:
        print("only generators that find objects are timed stage by stage", file=sys.stderr)
        return 2

    pictures = []
    for path in paths:
        with Image.open(path) as opened:
            pictures.append(np.asarray(opened.convert("RGB")))
    megapixels = statistics.mean(picture.shape[0] * picture.shape[1] for picture in pictures) / 1e6
    parameters = sum(parameter.numel() for parameter in generator.parameters()) / 1e6
    print(f"{len(pictures)} pictures of {megapixels:.2f} megapixels on average; {os.cpu_count()} cores, torch {torch.__version__}")
    print(f"generator {kind}, {parameters:.1f} M parameters, {generator.spec.image_size} px\n{busy_note()}")

    rows = generator_rows(generator, pictures, options.repeats)
    columns = [(threads, count) for threads in THREADS for count in BATCHES]
    headings = [f"{threads} thread{'s' * (threads > 1)}, batch {count}" for threads, count in columns]
    print(f"{'seconds a picture':<32}" + "".join(f"{heading:>20}" for heading in headings))
    for name, row in rows.items():
        print(f"{name:<32}" + "".join(f"{row[column]:>20.3f}" for column in columns))
    codec = statistics.mean(median_seconds(lambda path=path: reencode(path), options.repeats) for path in paths)
    print(f"{'Pillow decode + encode':<32}{codec:>20.3f}")
    slowest = rows["encoder, mask and noise"][2, 1]
    verdict = "within" if slowest <= PROMISED else "beyond"
    print(f"\nmask and noise at 2 threads, one by one: {slowest:.3f} s, {verdict} the promised {PROMISED} s")
    print(f"unseg protect: {protect_rate(options.pictures, options.generator)}")
    print(f"peak memory: {peak_memory()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The speed of `unseg protect` in this checkout, and beside it that of another commit: what `bench_speed.py --rate-only` prints."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unseg_cli.core.errors import UnsegError

ROOT = Path(__file__).resolve().parent.parent
#: Fewer rounds make no median.
LEAST_ROUNDS = 3
#: Enlarged pictures are smoother than any camera's, and at the default limit of what may be seen too little noise hides in some of them.
LIMIT = ("--max-difference", "8")


def rate_of(code: Path, pictures: Path, generator: str) -> float:
    """Pictures a second of `unseg protect`, run from a checkout in a process of its own; loading the weights counts, importing does not.

    Raises:
        UnsegError: it did not end well.
    """
    with tempfile.TemporaryDirectory() as target:
        command = [sys.executable, "-m", "unseg_cli", "protect", str(pictures.resolve()), str(Path(target) / "out")]
        command += ["--generator", generator, *LIMIT, "--device", "cpu", "--quiet", "--json"]
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

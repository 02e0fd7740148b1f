"""Malformed files through decoding and protecting: no crash, no hang, no memory without bounds, and one clear line for each.

`make fuzz` takes 5,000 of them, the tests a few hundred. `python -m tests.protect.hostile.test_mutated_files NUMBER` repeats one.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.protect.hostile.mutator import corpus, mutated

ROOT = Path(__file__).resolve().parents[3]
#: How many (read here, since no test sees a UNSEG_ variable), in how many processes, seconds for one, and the most megabytes.
INPUTS = int(os.environ.get("UNSEG_FUZZ_INPUTS", "400"))
WORKERS, SECONDS, MEGABYTES = 2, 30, 1500

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory a process took")


class Worker:
    """Its process, and what it was given last."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.protect.hostile.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.number: int | None = None
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def give(self, number: int) -> None:
        assert self.process.stdin is not None
        self.number = number
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def work_off(numbers: range) -> tuple[Counter[str], dict[int, str]]:
    """What became of the inputs: how many were protected and refused, and what is wrong with the others."""
    good: Counter[str] = Counter()
    bad: dict[int, str] = {}
    waiting, workers = list(reversed(numbers)), [Worker() for _ in range(WORKERS)]
    for worker in workers:
        worker.give(waiting.pop())
    while busy := [worker for worker in workers if worker.number is not None]:
        ready, _, _ = select.select([worker.process.stdout for worker in busy], [], [], SECONDS)
        for worker in busy if not ready else [one for one in busy if one.process.stdout in ready]:
            assert worker.process.stdout is not None and worker.number is not None
            megabytes, _, outcome = worker.process.stdout.readline().partition(" ") if ready else ("0", "", f"took over {SECONDS} s\n")
            outcome = outcome.strip() or f"died with {worker.process.wait()}"
            if int(megabytes or 0) > MEGABYTES:
                outcome = f"{outcome}, with {megabytes} MB"
            if outcome in ("protected", "refused"):
                good[outcome] += 1
            else:
                bad[worker.number] = f"{mutated(worker.number)[0]}: {outcome}"
                worker.end()
                workers[workers.index(worker)] = worker = Worker()
            if waiting:
                worker.give(waiting.pop())
            else:
                worker.number = None
    for worker in workers:
        worker.end()
    return good, bad


@pytest.mark.slow
def test_mutated_files_are_protected_or_refused_with_a_clear_line() -> None:
    good, bad = work_off(range(INPUTS))
    print(f"{INPUTS} inputs: {dict(good)}")
    assert not bad, "\n".join(f"{number}: {what}" for number, what in bad.items())
    assert sum(good.values()) == INPUTS
    assert min(good["protected"], good["refused"]) > INPUTS // 10  # both ways are taken


def test_a_number_makes_the_same_file_again_and_others_make_others() -> None:
    made = [mutated(number)[2] for number in range(200)]
    assert made == [mutated(number)[2] for number in range(200)]
    assert len(set(made)) > 195
    assert len({mutated(number)[0] for number in range(2000)}) == len(corpus())


if __name__ == "__main__":
    for text in sys.argv[1:]:
        print(mutated(int(text))[:2], *work_off(range(int(text), int(text) + 1)))

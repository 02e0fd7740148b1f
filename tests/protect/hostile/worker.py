"""A process that protects mutated files, whose numbers it reads line by line, and says what became of each: it may die of one.

python -m tests.protect.hostile.worker < numbers
"""

from __future__ import annotations

import sys
import traceback

from tests.protect.hostile.mutator import mutated
from unseg_cli.core.errors import UnsegError
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.session import Session
from unseg_cli.protect.one import protect_source
from unseg_cli.protect.settings import Settings
from unseg_cli.protect.stages import Source


def main() -> None:
    session = Session(open_runtime("lite", device="cpu"))
    say("ready")
    for line in sys.stdin:
        number = int(line)
        _, name, data = mutated(number)
        settings = Settings(longest_side=48 if number % 2 else None)  # small enough that pictures of the corpus become smaller
        try:
            made = protect_source(Source.of(data, name=name), session, settings)
            outcome = "protected" if made.record["status"] == "protected" else "it has no status"
        except UnsegError as problem:
            clear = problem.message and problem.hint and "\n" not in problem.message + problem.hint
            outcome = "refused" if clear else f"refused without a clear line: {problem.message!r} {problem.hint!r}"
        except BaseException:
            outcome = "raised " + traceback.format_exc()
        say(f"{most_megabytes()} {outcome}")


def most_megabytes() -> int:
    """The most that this process has held; what `resource` tells is also what the process had held that started it."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM"))


def say(line: str) -> None:
    """One line, whatever is in it."""
    print(line.replace("\n", " | "), flush=True)


if __name__ == "__main__":
    main()

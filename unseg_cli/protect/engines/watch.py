"""`unseg protect --watch`: what arrives in SRC while the command runs.

It looks again and again, rather than waiting to be told: folders of other machines tell nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from unseg_cli.protect.jobs import Job

#: Seconds between two looks, at least; and how many times as long as a look took, so that looking never takes a core.
PAUSE, REST = 1.0, 10.0

#: What tells a file that is still being written, or was changed: its size and when that was, or whatever a place has.
Stamp = tuple[object, ...]


def arriving(
    look: Callable[[], Mapping[Job, Stamp]],
    *,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Sequence[Job]]:
    """The jobs that are to be done, as they come to be, in rounds; the first round has all that are there.

    A file counts as whole once two looks have found it the same. One that was changed since it was last handed out comes again.

    Args:
        look: every job, with the stamp of its files.
        sleep: waits so many seconds.
        clock: in seconds.

    Yields:
        One or more jobs. It never ends by itself: whoever iterates is interrupted while it waits.
    """
    handed_out: dict[Job, Stamp] = {}
    before: Mapping[Job, Stamp] = {}
    while True:
        started = clock()
        now = look()
        took = clock() - started
        ready = [job for job, stamp in now.items() if before.get(job) == stamp != handed_out.get(job)]
        handed_out = {job: handed_out[job] for job in now if job in handed_out} | {job: now[job] for job in ready}
        if ready:
            yield ready
        before = now
        sleep(max(PAUSE, REST * took))

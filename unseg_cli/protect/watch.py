"""`unseg protect --watch`: what arrives in SRC while the command runs.

It looks again and again, rather than waiting to be told: folders of other machines tell nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from unseg_cli.core.errors import UsageProblem
from unseg_cli.pictures.stores.remote import url_of
from unseg_cli.protect.config import ProtectConfig
from unseg_cli.protect.jobs import Job

#: Seconds between two looks, at least; and how many times as long as a look took, so that looking never takes a core.
PAUSE, REST = 1.0, 10.0

#: What tells a file that is still being written, or was changed: its size and when that was, or whatever a place has.
Stamp = tuple[object, ...]


def refuse_to_watch(config: ProtectConfig) -> None:
    """Refuse what does not go with --watch, before anything is read.

    Raises:
        UsageProblem: SRC is no folder, or an option that is for one run over what is there.
    """
    if not config.src.is_dir() or url_of(config.dst) or (config.masks is not None and url_of(config.masks)):
        raise UsageProblem(f"--watch needs folders of this machine: SRC {config.src} or another place is none", hint="omit --watch")
    others = {"--files-from": config.files_from, "--limit": config.limit, "--dry-run": config.dry_run, "--fail-fast": config.fail_fast}
    for flag, value in others.items():
        if value:
            raise UsageProblem(f"--watch and {flag} exclude each other", hint=f"omit {flag}, or --watch")
    if config.masks is not None and not config.masks.is_dir():
        raise UsageProblem(f"--watch needs a folder of masks, and --masks {config.masks} is none", hint="name a folder")


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

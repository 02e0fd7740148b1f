"""Standard input and output: `unseg protect - -` for one picture, and `--files-from -` for the names of many."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.session import Session
from unseg_cli.pictures.decode import read_bytes
from unseg_cli.pictures.masks import DETECTIONS
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.protect.config import ProtectConfig
from unseg_cli.protect.conflicts import STREAM
from unseg_cli.protect.engines.engine import Outcome
from unseg_cli.protect.jobs import Job
from unseg_cli.protect.one import protect_source
from unseg_cli.protect.results.report import Tally, report
from unseg_cli.protect.settings import Settings
from unseg_cli.protect.stages import Source


def listed_in(name: str) -> list[str]:
    """The lines of a file, or of standard input where it is called "-".

    Raises:
        UsageProblem: it cannot be read, or is no text.
    """
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode().splitlines()
    except OSError as problem:
        raise UsageProblem(f"--files-from {name} cannot be read ({problem.strerror or problem})", hint="name a text file, or -") from None
    except UnicodeDecodeError:
        raise UsageProblem(f"--files-from {name} is not text in UTF-8", hint="list paths below SRC, one a line") from None


def protect_stream(config: ProtectConfig, settings: Settings, session: Session, events: Events) -> Report:
    """Protect one picture of standard input, or for standard output. No manifest is written.

    Args:
        config: after `refuse_conflicts`.
        settings: what decides the result.
        session: the generator.
        events: receives what is worth reading.

    Returns:
        A report; for DST -, its `data` is the protected file.

    Raises:
        UnsegError: the picture cannot be read or protected.
        OSError: the file cannot be written.
    """
    started = time.perf_counter()
    data = sys.stdin.buffer.read() if config.src == STREAM else read_bytes(config.src)
    mask = None if config.masks is None else read_bytes(config.masks)
    if config.masks is not None and (config.masks.parent / DETECTIONS).is_file():
        settings = replace(settings, budget=settings.budget.of_photographs())
    name = "picture" if config.src == STREAM else config.src.name
    source = Source.of(data, mask, name=name, mask_name="mask" if config.masks is None else config.masks.name)
    try:
        made = protect_source(source, session, settings)
    except UnsegError as problem:
        if type(problem) is not UnsegError:  # of the machine, or the options
            raise
        what = "stdin" if config.src == STREAM else str(config.src)
        raise UnsegError(f"{what}: {problem.message}", hint=problem.hint) from None
    if config.dst != STREAM:
        LocalStore(config.dst.parent).put(config.dst.name, made.data)
    tally = Tally(events=events, target=config.target)
    tally.add(Outcome(job=Job(name=name, dst_name=str(config.dst)), status="protected", record=made.record))
    said = report(
        tally,
        generator=session.generator.source,
        rule=config.mask_rule,
        dry_run=False,
        seconds=time.perf_counter() - started,
    )
    return replace(said, data=made.data) if config.dst == STREAM else said

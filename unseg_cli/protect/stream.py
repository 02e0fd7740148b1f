"""Standard input and output: `unseg protect - -` for one picture, and `--files-from -` for the names of many."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.session import Session
from unseg_cli.pictures.decode import read_bytes
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.protect.config import ProtectConfig
from unseg_cli.protect.engines.engine import Outcome
from unseg_cli.protect.jobs import Job
from unseg_cli.protect.one import Source, protect_source
from unseg_cli.protect.results.report import Tally, report
from unseg_cli.protect.settings import Settings

STREAM = Path("-")


def is_stream(config: ProtectConfig) -> bool:
    """Whether SRC or DST is standard input or output."""
    return STREAM in (config.src, config.dst)


def refuse_for_stream(config: ProtectConfig) -> None:
    """Refuse what needs a folder, before anything is read.

    Raises:
        UsageProblem: an option that one picture without a place cannot have.
    """
    of_folders = {
        "--files-from": config.files_from,
        "--include": config.include,
        "--exclude": config.exclude,
        "--limit": config.limit,
        "--dry-run": config.dry_run,
        "--save-noise": config.save_noise,
        "--preview": config.preview,
        "--report": config.report,
        "--watch": config.watch,
    }
    for option, value in of_folders.items():
        if value:
            raise UsageProblem(f"{option} needs folders, not standard input and output", hint=f"omit {option}, or name files")
    if config.masks is not None and not config.masks.is_file():
        raise UsageProblem(f"--masks {config.masks} is no file, and one picture has one mask", hint="name its mask file")
    if config.src == STREAM and sys.stdin.isatty():
        raise UsageProblem("SRC - reads a picture from standard input, which is a terminal", hint="unseg protect - - < in.jpg > out.jpg")
    if config.src != STREAM and not config.src.is_file():
        raise UsageProblem(f"SRC {config.src} is not one picture", hint="DST - takes one: name a file, or - for standard input")
    if config.dst == STREAM and sys.stdout.isatty():
        raise UsageProblem("DST - writes a picture to standard output, which is a terminal", hint="unseg protect - - < in.jpg > out.jpg")
    if config.dst != STREAM and config.dst.exists() and (config.dst.is_dir() or not config.overwrite):
        what = "is a folder" if config.dst.is_dir() else "exists"
        raise UsageProblem(f"DST {config.dst} {what}", hint="name a file that is not there yet, or add --overwrite to replace one")


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
        config: after `refuse_for_stream`.
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
    name = "picture" if config.src == STREAM else config.src.name
    source = Source.of(data, mask, name=name, mask_name="mask" if config.masks is None else config.masks.name)
    made = protect_source(source, session, settings)
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

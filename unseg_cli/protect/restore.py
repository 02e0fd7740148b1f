"""`unseg restore`: protected pictures and their kept noise in, the clean pictures out. For lossless formats the very pixels, or nothing."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.core.events import Events, Failures, Report, interruptible
from unseg_cli.core.memory import keep_freed_memory
from unseg_cli.core.parallel.spread import PIXELS_A_WORKER, Room, cores, spread
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.pictures.decode import read_picture
from unseg_cli.pictures.encode import choose_encoding, encode_picture
from unseg_cli.pictures.header import pixels_in
from unseg_cli.pictures.picture import same_alpha
from unseg_cli.pictures.stores.apart import refuse_mirror, refuse_same
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.wanted import wanted_pictures
from unseg_cli.protect.config import RestoreConfig
from unseg_cli.protect.results.noise_files import SUFFIX, KeptNoise


def restore(config: RestoreConfig, events: Events) -> Report:
    """Restore a picture or a folder of pictures.

    A noise file is found by the hash of the protected file, wherever that lies and whatever it is called by now.

    Args:
        config: what to restore, and where to.
        events: receives progress, and failures as they happen.

    Returns:
        A report; exit code 1 where some picture could not be restored.

    Raises:
        UsageProblem: a place that does not exist, or that must not be written to.
        NothingToDo: no picture in PROTECTED.
        EnvironmentProblem: OUT cannot be written to.
        KeyboardInterrupt: with how many pictures are done; they stay.
    """
    started = time.perf_counter()
    keep_freed_memory()
    source, names, target = _places(config)
    target.check_writable()
    kept = _kept_noise(config.noise, events)
    workers = config.workers or cores()
    room, counts = Room(PIXELS_A_WORKER * workers), {"restored": 0, "skipped": 0}
    failures = Failures(events)

    def work(job: _Job) -> str:
        data = source.read(job.name)
        with room.taken(pixels_in(data)):
            return _restore_one(data, kept, target, job.out_name, overwrite=config.overwrite)

    with (
        target.locked(),
        interruptible(events, what="restoring", total=len(names), finished=lambda: sum(counts.values())),
        contextlib.closing(spread(names, work, workers=workers)) as results,
    ):
        for job, result in results:
            if isinstance(result, UnsegError):
                failures.add(job.name, result)
            else:
                counts[result] += 1
            events.advance()
    document = {
        "schema": 1,
        "command": "restore",
        "images": len(names),
        **counts,
        "failed": len(failures),
        "seconds": round(time.perf_counter() - started, 3),
        "failures": failures,
    }
    return Report(document=document, exit_code=1 if failures else 0)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """A protected picture, and what it is called where it is restored."""

    name: str
    out_name: str


def _places(config: RestoreConfig) -> tuple[LocalStore, list[_Job], LocalStore]:
    protected, out = config.protected, config.out
    for option, path in (("PROTECTED", protected), ("NOISE", config.noise)):
        if not path.exists():
            raise UsageProblem(f"{option} {path} does not exist", hint="name what `unseg protect --save-noise` wrote")
    if config.noise.is_dir():
        refuse_same(config.noise, out, "OUT", of="NOISE")
    if protected.is_file():
        target = out / protected.name if out.is_dir() or not out.suffix else out
        if target.exists() and target.samefile(protected):
            raise UsageProblem(f"OUT {out} would overwrite PROTECTED", hint="name another folder or file")
        return LocalStore(protected.parent), [_Job(name=protected.name, out_name=target.name)], LocalStore(target.parent)
    refuse_mirror(protected, out, "OUT", of="PROTECTED")
    source = LocalStore(protected)
    names, _ = wanted_pictures(source)
    return source, [_Job(name=name, out_name=name) for name in names], LocalStore(out, originals=protected)


def _kept_noise(noise: Path, events: Events) -> dict[str, KeptNoise]:
    """Noise files by the hash of the protected file that each belongs to."""
    found: dict[str, KeptNoise] = {}
    for path in sorted(noise.rglob(f"*{SUFFIX}")) if noise.is_dir() else [noise]:
        try:
            one = KeptNoise.at(path)
        except UnsegError as problem:
            events.warn(f"{path}: {problem.message} - {problem.hint}")
        else:
            found[one.dst_sha256] = one
    return found


def _restore_one(data: bytes, kept: dict[str, KeptNoise], target: LocalStore, name: str, *, overwrite: bool) -> str:
    """Write the clean picture of a protected file's bytes: "restored", or "skipped" where it is there already."""
    noise = kept.get(sha256_hex(data))
    protected = read_picture(Path(name), data)
    if not protected.coding.lossless:
        what = f"is a lossy {protected.kind.upper()}: its codec changed more than the noise, so the clean pixels cannot be given back"
        raise UnsegError(what, hint="keep the original; --format png is lossless")
    if noise is None:
        raise UnsegError("is not a file that any noise in NOISE belongs to", hint="it was changed since, or protected without --save-noise")
    clean = replace(protected, pixels=noise.clean_pixels(protected.pixels))
    restored, _ = encode_picture(clean, choose_encoding(clean, format="keep", quality=None, metadata="keep"))
    written = read_picture(Path(name), restored)
    if not (np.array_equal(written.pixels, clean.pixels) and same_alpha(written, clean)):
        raise UnsegError("does not decode to what was written", hint="report it as a defect")
    target.check_place(name)
    if target.exists(name) and not overwrite:
        if target.read(name) == restored:
            return "skipped"
        raise UnsegError(f"{target.where(name)} exists and is another file", hint="move it away, or add --overwrite")
    target.put(name, restored)
    return "restored"

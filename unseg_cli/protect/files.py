"""The files of a job: its source is read unless it is done already, and what was made of it is put in place and recorded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.parallel.pipeline import told
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.pictures.names import only_mask
from unseg_cli.pictures.stores.store import Readable, Store
from unseg_cli.protect.jobs import Job
from unseg_cli.protect.manifest import Manifest, Record, signature
from unseg_cli.protect.results.noise_files import SUFFIX, noise_file
from unseg_cli.protect.results.previews import preview_file
from unseg_cli.protect.settings import Settings
from unseg_cli.protect.stages import Protected, Source, Written


@dataclass(frozen=True, kw_only=True)
class JobFiles:
    """What the files of all jobs of a run have in common. Its methods may be called from several threads.

    Attributes:
        source, target: where pictures come from and go to.
        manifest: of `target`.
        settings, generator, finder: what decides whether a copy is up to date; `finder` is the identity of what finds objects.
        masks: where the masks that jobs name come from; None: no job names any.
        noises, previews: where noise files and previews go; None: nowhere.
        overwrite: replace files that no earlier run wrote.
        finished: names of the jobs that are done, by this run or before it.
    """

    source: Store
    target: Store
    manifest: Manifest
    settings: Settings
    generator: GeneratorFile
    finder: str | None = None
    masks: Readable | None = None
    noises: Store | None = None
    previews: Store | None = None
    overwrite: bool = False
    finished: set[str] = field(default_factory=set)

    def fetch(self, job: Job) -> Source | Record:
        """Read the picture and its mask; where the protected copy is there and up to date, its line of the manifest instead.

        Raises:
            UnsegError: unreadable, no place to write to, or several masks.
        """
        started = time.perf_counter()
        data = self.source.read(job.name)
        mask_name = only_mask(job.masks)
        mask = None if mask_name is None else self._masks().read(mask_name)
        own_name = PurePosixPath(mask_name or "").name
        fetched = Source.of(data, mask, name=job.name, mask_name=own_name, seconds=time.perf_counter() - started)
        exists = self.target.exists(job.dst_name)
        earlier = self.manifest.rows.get(job.name)
        if exists and earlier and self._up_to_date(earlier, job, fetched):
            self.finished.add(job.name)
            return earlier
        self.target.check_place(job.dst_name)
        if exists and not self.overwrite and not self.manifest.owns(job.dst_name):
            where = self.target.where(job.dst_name)
            raise UnsegError(f"{where} exists and was not written by an earlier run", hint="move it away, or add --overwrite")
        return fetched

    def _masks(self) -> Readable:
        if self.masks is None:
            raise ValueError("a job names a mask, but there is no store of masks")
        return self.masks

    def _up_to_date(self, earlier: Record, job: Job, fetched: Source) -> bool:
        fingerprint = self.settings.fingerprint(self.generator, fetched.mask_sha256, self.finder)
        found = (earlier.get("status"), earlier.get("dst"), earlier.get("src_sha256"), earlier.get("settings"))
        if found != ("protected", job.dst_name, fetched.sha256, fingerprint):
            return False
        # Where a preview or a noise file is asked for and is not there, the picture is done again, to the same bytes.
        extras = ((self.noises, noise_name(job)), (self.previews, preview_name(job)))
        if not all(store is None or store.exists(name) for store, name in extras):
            return False
        return earlier.get("dst_sha256") == sha256_hex(self.target.read(job.dst_name))

    def deliver(self, job: Job, made: Written) -> Record:
        """Put a protected picture and what was asked for beside it in place, and record it.

        Returns:
            Its line of the manifest.

        Raises:
            UnsegError, OSError: see `Store.put`.
        """
        started = time.perf_counter()
        record = self._record(job, made)

        def record_it() -> None:
            if self.keeps_more:
                self._keep_more(job, made)
            record["seconds"] = round((made.record["seconds"] or 0.0) + time.perf_counter() - started, 4)
            self.manifest.append(record)

        self.target.put(job.dst_name, made.data, before=record_it)
        self.finished.add(job.name)
        return record

    @property
    def keeps_more(self) -> bool:
        """Whether something of each picture is kept beside its file."""
        return self.noises is not None or self.previews is not None

    def _keep_more(self, job: Job, made: Written) -> None:
        if not isinstance(made, Protected):
            raise ValueError("nothing but its file is left of the picture")
        if self.noises is not None:
            self.noises.put(noise_name(job), noise_file(made, self.settings.budget))
        if self.previews is not None:
            self.previews.put(preview_name(job), preview_file(made.clean, made.written))

    def deliver_all(self, made: Sequence[tuple[Job, Written]]) -> list[tuple[Job, Record | UnsegError]]:
        """`deliver` of several pictures, whose lines are written at once; nothing is kept beside them.

        Returns:
            Each job with its line, or with what went wrong with it alone.

        Raises:
            UnsegError, OSError: the lines cannot be written; no picture is, then.
        """
        records = [self._record(job, one) for job, one in made]
        self.manifest.append_all(records)
        found: list[tuple[Job, Record | UnsegError]] = []
        for (job, one), record in zip(made, records, strict=True):
            try:
                self.target.put(job.dst_name, one.data)
                self.finished.add(job.name)
                found.append((job, record))
            except Exception as problem:
                found.append((job, told(problem)))
        return found

    def _record(self, job: Job, made: Written) -> Record:
        record: Record = {"src": job.name, "dst": job.dst_name, **made.record}
        record["settings"] = self.settings.fingerprint(self.generator, made.record["mask_sha256"], self.finder)
        record["notes"] = [*([job.note] if job.note else []), *made.record["notes"], *self._left_behind(job)]
        return record

    def _left_behind(self, job: Job) -> list[str]:
        """A note where an earlier run wrote the picture under another name, and the file is still there and of no other picture."""
        former = self.manifest.rows.get(job.name, {}).get("dst")
        if former in (None, job.dst_name) or not self.target.exists(former) or self.manifest.belongs_to_another(former, job.name):
            return []
        return [f"{former}, written by an earlier run, stays beside {job.dst_name}"]

    def fail(self, job: Job, problem: UnsegError) -> Record:
        """The line of a picture that could not be protected. A copy that an earlier run wrote stays ours."""
        earlier = self.manifest.rows.get(job.name, {})
        ours = earlier.get("dst") == job.dst_name and bool(earlier.get("dst_sha256"))
        record = Record(
            src=job.name,
            dst=job.dst_name,
            status="failed",
            mask_source=None,
            linf_255=None,
            psnr=None,
            ssim=None,
            src_sha256=None,
            dst_sha256=earlier["dst_sha256"] if ours else None,
            seconds=None,
            error=problem.message,
            hint=problem.hint,
        )
        record.update(signature(self.settings.budget, self.generator))
        if ours:  # what the file that is there was made with, for whoever verifies it
            for key in ("epsilon", "epsilon_bg", "quality", "longest_side"):
                if key in earlier:
                    record[key] = earlier[key]
        self.manifest.append(record)
        return record


def noise_name(job: Job) -> str:
    """What the noise file of a job is called."""
    return job.name + SUFFIX


def preview_name(job: Job) -> str:
    """What the preview of a job is called."""
    return f"{job.name}.png"

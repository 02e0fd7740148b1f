"""The files of a job: whose the mask is that is there, whether it is up to date, and how a new one is put in its place.

A mask is the run's own where `detections.jsonl` has its hash. Every other mask is the owner's, who drew it or edited it, and so is one that
was corrected: no later run writes over it. To have an object detected anew, its owner deletes the mask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from unseg_cli.core.errors import UnsegError
from unseg_cli.detect.correction import Correction
from unseg_cli.detect.jobs import Job
from unseg_cli.detect.one import Opened, mask_file, open_image, open_mask
from unseg_cli.detect.records import OWNER, Detection, Detections, is_owners, signature
from unseg_cli.detect.thumbnail import thumbnail
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.generators.find import Found
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.pictures.names import only_mask
from unseg_cli.pictures.stores.store import Store


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a job.

    Attributes:
        status: detected, also where nothing was found; skipped, since it was done already or the mask is the owner's; or, of a dry run,
            planned.
        record: its line of `detections.jsonl`; of a planned one what is known before.
        note: what the owner should know; "" where there is nothing to say.
        drawn: the picture with its outline, where it was at hand.
    """

    status: Literal["detected", "skipped", "planned"]
    record: Detection
    note: str = ""
    drawn: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class JobFiles:
    """What the files of all jobs of a run have in common. Its methods may be called from several threads.

    Attributes:
        source: where pictures come from.
        masks: where masks are, and go.
        detections: of `masks`.
        generator: what looks for objects.
        finder, finder_identity: what finds objects with it, see `ObjectFinder`.
        correction: what the owner says about the one picture of the run.
        overwrite: a correction may replace a mask that was drawn or edited by hand.
        dry_run: write nothing, not even that a mask is the owner's.
        finished: names of the jobs that are done, by this run or before it.
    """

    source: Store
    masks: Store
    detections: Detections
    generator: GeneratorFile
    finder: str
    finder_identity: str | None = None
    correction: Correction = field(default_factory=Correction)
    overwrite: bool = False
    dry_run: bool = False
    finished: set[str] = field(default_factory=set)

    def fetch(self, job: Job, data: bytes | None = None) -> Opened | Outcome:
        """Read the picture; where its mask is there and stays, its outcome instead.

        Args:
            job: which.
            data: the picture's file, where it has been read already.

        Raises:
            UnsegError: unreadable, no place to write to, several masks, or a mask that other pictures would have, too.
            UsageProblem: a correction that points outside the picture.
        """
        data = self.source.read(job.name) if data is None else data
        sha256, there = sha256_hex(data), only_mask(job.masks)
        mask = None if there is None else self.masks.read(there)
        mask_sha256 = None if mask is None else sha256_hex(mask)
        row = self.detections.rows.get(job.name)
        if there is None and job.rivals:
            raise UnsegError(
                f"would have the mask {job.mask_name} in common with {', '.join(job.rivals)}, so that neither gets one",
                hint="rename one of them, or draw a mask that fits them all",
            )
        ours = row is not None and row["mask"] == there and mask_sha256 in (row["mask_sha256"], row.get("replaces"))
        if there is not None and mask is not None and not self.correction:
            if row is None or not ours or is_owners(row):
                return self._kept(job.name, there, mask, data)
            if (row["src_sha256"], row["mask_sha256"], row.get("settings")) == (sha256, mask_sha256, self._settings):
                self.finished.add(job.name)
                return Outcome(status="skipped", record=row)
        self.masks.check_place(job.mask_name)
        drawn_by_hand = not ours or row is None or row.get("correction") == "hand"
        if there is not None and self.correction and drawn_by_hand and not self.overwrite:
            raise UnsegError(f"has a mask that was drawn or edited by hand, {there}", hint="add --overwrite to replace it")
        if there not in (None, job.mask_name):
            raise UnsegError(f"has the mask {there}, beside which there may be no {job.mask_name}", hint="move it away first")
        image = open_image(job.name, data)
        self.correction.check(image.shape[:2])
        current = None if there is None or mask is None or not self.correction else open_mask(there, mask, image.shape[:2])
        return Opened(image=image, current=current, src_sha256=sha256, replaces=mask_sha256)

    @property
    def _signature(self) -> Detection:
        return signature(self.generator, self.finder, self.finder_identity)

    @property
    def _settings(self) -> str:
        return self._signature["settings"]

    def _kept(self, name: str, mask_name: str, mask: bytes, data: bytes) -> Outcome:
        """The owner's mask stays; that it is the owner's is written down where that, or the picture, is new."""
        row = self.detections.rows.get(name)
        sha256, mask_sha256 = sha256_hex(data), sha256_hex(mask)
        self.finished.add(name)
        if row and is_owners(row) and (row["mask"], row["src_sha256"], row["mask_sha256"]) == (mask_name, sha256, mask_sha256):
            return Outcome(status="skipped", record=row)
        image = open_image(name, data)
        marked = open_mask(mask_name, mask, image.shape[:2])
        same = row is not None and row["mask_sha256"] == mask_sha256 and is_owners(row)
        record = Detection(
            src=name,
            mask=mask_name,
            confidence=1.0,
            area=round(float(marked.mean()), 4),
            finder=OWNER,
            size=[image.shape[1], image.shape[0]],
            src_sha256=sha256,
            mask_sha256=mask_sha256,
            correction=row.get("correction") if row and same else "hand",
            replaces=None,
            **self._signature,
        )
        note = "its picture is another one than when the mask was made, which stays: delete the mask to have it detected" if same else ""
        if not self.dry_run:
            self.detections.append(record)
        return Outcome(status="skipped", record=record, note=note, drawn=thumbnail(image, marked))

    def deliver(self, job: Job, opened: Opened, found: Found | None) -> Outcome:
        """Put a mask in place and write it down.

        Raises:
            UnsegError, OSError: see `Store.put`.
        """
        height, width = opened.size
        data = mask_file(found, opened.size)
        record = Detection(
            src=job.name,
            mask=job.mask_name,
            confidence=None if found is None or found.confidence is None else round(found.confidence, 4),
            area=0.0 if found is None else round(float(found.mask.mean()), 4) or 0.0001,
            finder=self.finder if found is None else found.finder,
            size=[width, height],
            src_sha256=opened.src_sha256,
            mask_sha256=sha256_hex(data),
            correction=self.correction.document() if self.correction else None,
            replaces=opened.replaces,
            **self._signature,
        )
        self.masks.put(job.mask_name, data, before=lambda: self.detections.append(record))
        self.finished.add(job.name)
        marked = open_mask(job.mask_name, data, opened.size) if found is None else found.mask
        return Outcome(status="detected", record=record, note=self._note(found), drawn=thumbnail(opened.image, marked))

    def _note(self, found: Found | None) -> str:
        missed = [f"{x},{y}" for x, y in self.correction.points if found is not None and not found.mask[y, x]]
        if not missed:
            return ""
        return f"the mask does not hold the point {' and '.join(missed)}: pass --box x0,y0,x1,y1, or draw the mask in a paint program"

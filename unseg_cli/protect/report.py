"""What a run of `unseg protect` says at its end: the document of `--json`, the exit code, and the closing lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.events import Events, Report
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.protect.engine import Outcome
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.unsure import count_unsure

CLAIM = (
    "What this does: it lowers what a model can learn from these pictures when it is trained on them.",
    "What it does not do: it does not stop a model that is already trained from working on them.",
)


@dataclass(kw_only=True)
class Tally:
    """Counts outcomes, and tells of them as they come.

    Attributes:
        events: receives progress, and what is worth reading about a picture.
        protected: lines of the manifest that this run wrote.
        skipped: those of pictures that were done already.
        failures: `{"path", "error", "hint"}` of each picture that failed.
        planned: what is known of the pictures that a run would protect.
    """

    events: Events
    protected: list[Record] = field(default_factory=list)
    skipped: list[Record] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    planned: list[Record] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        job, record, problem = outcome.job, outcome.record, outcome.problem
        if problem is not None:
            self._fail(job.name, problem)
        elif record is not None and outcome.status == "planned":
            self.planned.append(record)
        elif record is not None and outcome.status == "skipped":
            self.skipped.append(record)
        elif record is not None:
            self.protected.append(record)
            for note in record["notes"]:
                self.events.warn(f"{job.name}: {note}")
            self.events.detail(f"{job.name}: {record['mask_source']}, largest change {record['linf_255']:.4g}/255")
        self.events.advance()

    def _fail(self, name: str, problem: UnsegError) -> None:
        self.failures.append({"path": name, "error": problem.message, "hint": problem.hint})
        self.events.warn(f"{name}: {problem.message}" + (f" - {problem.hint}" if problem.hint else ""))


def report(
    tally: Tally, *, generator: GeneratorFile, rule: str, dry_run: bool, seconds: float, look: str = "unseg detect", target: str = "auto"
) -> Report:
    """The result of a run.

    Args:
        tally: what happened.
        generator: what drew the noise.
        rule: how masks were read.
        dry_run: nothing was written.
        seconds: of the whole run.
        look: the command that shows the detections.
        target: what was protected where there was no mask.

    Returns:
        The documented document; exit code 1 where a picture failed, or where every mask marks nothing.
    """
    rows = tally.protected
    sources = Counter(row["mask_source"] for row in rows)
    document: dict[str, Any] = {
        "schema": 1,
        "command": "protect",
        "images": len(rows) + len(tally.skipped) + len(tally.failures) + len(tally.planned),
        "protected": len(rows),
        "skipped": len(tally.skipped),
        "failed": len(tally.failures),
        "linf_255_max": max((row["linf_255"] or 0.0 for row in rows), default=None),
        "linf_255_max_lossless": max((row["linf_255"] or 0.0 for row in rows if row["lossless"]), default=None),
        "psnr_mean": mean_of_known([row["psnr"] for row in rows]),
        "ssim_mean": mean_of_known([row["ssim"] for row in rows]),
        "seconds": round(seconds, 3),
        "images_per_second": round(len(rows) / seconds, 3) if seconds else 0.0,
        "mask_source": {name: sources[name] for name in ("file", "auto", "whole")},
        "generator": {"name": generator.name, "sha256": generator.sha256},
        "failures": tally.failures,
        "src_bytes": sum(row["src_bytes"] for row in rows),
        "dst_bytes": sum(row["dst_bytes"] for row in rows),
    }
    doubts = count_unsure([*rows, *tally.skipped], target)
    document |= {"unsure": doubts.unsure, "nothing_found": doubts.nothing}
    masks_fail = _masks_mark_nothing(tally, rule)
    if dry_run:
        planned = [{"src": row["src"], "dst": row["dst"]} for row in tally.planned]
        document |= {"dry_run": True, "would_protect": len(planned), "planned": planned}
    return Report(
        document=document,
        exit_code=1 if tally.failures or masks_fail else 0,
        closing=("dry run: nothing was written",) if dry_run else (*_closing(rows), *(doubts.lines(look) if rows else ())),
    )


def _masks_mark_nothing(tally: Tally, rule: str) -> bool:
    """Warn of empty masks; whether all are, and the rule is most likely wrong."""
    rows = (*tally.protected, *tally.skipped, *tally.planned)
    empty = sum(bool(row.get("mask_empty")) for row in rows)
    masked = empty + sum(row.get("mask_source") == "file" for row in rows)
    if not empty:
        return False
    if empty == masked:
        which = "the mask marks" if masked == 1 else f"all {masked} masks mark"
        tally.events.warn(
            f"{which} nothing under --mask-rule {rule}: whole pictures are protected instead - pass a rule that fits the masks"
        )
        return True
    tally.events.warn(f"{empty} of {masked} masks mark nothing under --mask-rule {rule}: those pictures are protected as a whole")
    return False


def _closing(rows: list[Record]) -> tuple[str, ...]:
    if not rows:
        return ()
    before, after = (sum(row["src_bytes"] for row in rows) / 1e6, sum(row["dst_bytes"] for row in rows) / 1e6)
    lines = [f"size of the files: {before:.1f} MB before, {after:.1f} MB after"]
    if any(not row["lossless"] for row in rows):
        lines.append("The noise keeps to its budget; the largest change of JPEG and WebP files includes what the codec itself changed.")
    return (*lines, *CLAIM)


def mean_of_known(values: list[float | None]) -> float | None:
    """For the document: the mean of the values that are there, None where there are none."""
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None

"""What a run of `unseg detect` says at its end: the document of `--json`, the exit code, and the closing lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.events import Events, Failures, Report
from unseg_cli.detect.files import Outcome
from unseg_cli.detect.jobs import Job
from unseg_cli.detect.records import Detection, is_nothing, is_owners, is_unsure
from unseg_cli.detect.review import Commands
from unseg_cli.generators.files import GeneratorFile


@dataclass(kw_only=True)
class Tally:
    """Counts outcomes, and tells of them as they come. It holds no lines: it does not grow with the number of pictures.

    Attributes:
        events: receives progress, and what is worth reading about a picture.
        threshold: confidence below which a detection is unsure.
        counts: how many pictures were "detected" by this run, and how many "skipped", whose masks stay as they are; of both together, how
            many are "unsure", "unknown" (unsure since nobody knows), "nothing_found", or their "owner"'s word.
        planned: names of pictures that a run would look at, and of their masks.
        failures: of this run.
    """

    events: Events
    threshold: float
    counts: Counter[str] = field(default_factory=Counter)
    planned: list[dict[str, str]] = field(default_factory=list)
    failures: Failures = field(init=False)

    def __post_init__(self) -> None:
        self.failures = Failures(self.events)

    @property
    def looked_at(self) -> int:
        """How many pictures have a mask now."""
        return self.counts["detected"] + self.counts["skipped"]

    def add(self, job: Job, result: Outcome | UnsegError) -> None:
        """Count one more."""
        if isinstance(result, UnsegError):
            self.failures.add(job.name, result)
        elif result.status == "planned":
            self.planned.append({"src": job.name, "mask": job.mask_name})
        else:
            row = result.record
            self.counts[result.status] += 1
            self.counts["unsure"] += is_unsure(row, self.threshold)
            self.counts["unknown"] += is_unsure(row, self.threshold) and row["confidence"] is None
            self.counts["nothing_found"] += is_nothing(row)
            self.counts["owner"] += is_owners(row)
            if result.note:
                self.events.warn(f"{job.name}: {result.note}")
            self.events.detail(f"{job.name}: {result.status}, {_said(row)}")
        self.events.advance()


def _said(row: Detection) -> str:
    if is_nothing(row):
        return "nothing found"
    known = "not known" if row["confidence"] is None else f"{row['confidence']:.2f}"
    return f"{100 * row['area']:.3g} % of the picture, confidence {known}"


def report(
    tally: Tally,
    *,
    generator: GeneratorFile,
    masks: str,
    review: str,
    commands: Commands,
    dry_run: bool,
    seconds: float,
) -> Report:
    """The result of a run.

    Args:
        tally: what happened.
        generator: what looked.
        masks: where the masks are.
        review: where the sheet is.
        commands: what to do next.
        dry_run: nothing was written.
        seconds: of the whole run.

    Returns:
        The documented document; exit code 1 where a picture failed.
    """
    counts = tally.counts
    document: dict[str, Any] = {
        "schema": 1,
        "command": "detect",
        "images": tally.looked_at + len(tally.planned) + len(tally.failures),
        "detected": counts["detected"],
        "skipped": counts["skipped"],
        "failed": len(tally.failures),
        **{name: counts[name] for name in ("unsure", "unknown", "nothing_found", "owner")},
        "threshold": tally.threshold,
        "seconds": round(seconds, 3),
        "images_per_second": round(counts["detected"] / seconds, 3) if seconds else 0.0,
        "masks": masks,
        "review": None if dry_run else review,
        "generator": {"name": generator.name, "sha256": generator.sha256},
        "failures": tally.failures,
    }
    if dry_run:
        document |= {"dry_run": True, "would_detect": len(tally.planned), "planned": tally.planned}
    closing = ("dry run: nothing was written",) if dry_run else _closing(document, review, commands)
    return Report(document=document, exit_code=1 if tally.failures else 0, closing=closing if tally.looked_at or dry_run else ())


def _closing(document: dict[str, Any], review: str, commands: Commands) -> tuple[str, ...]:
    one = "" if commands.single else " NAME"
    lines = [f"Look at them, least sure first: {review}"]
    if document["unsure"] or document["nothing_found"]:
        lines.append(f'Correct one:  {commands.correct}{one} --box "X0,Y0,X1,Y1"   (or --point "X,Y", --not-point "X,Y", --whole)')
    return (*lines, f"Then protect: {commands.protect}")

"""What a run of `unseg protect` says at its end: the document of `--json`, the exit code, and the closing lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from unseg_cli.core.events import Events, Failures, Report
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.protect.engines.engine import Outcome
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.results.faint import Faint, left_out
from unseg_cli.protect.results.plain import Plain
from unseg_cli.protect.results.unsure import Unsure
from unseg_cli.protect.results.words import pictures, size_in_words

CLAIM = (
    "What this does: it lowers what a model can learn from these pictures when it is trained on them.",
    "What it does not do: it does not stop a model that is already trained from working on them.",
)


@dataclass(kw_only=True)
class Mean:
    """The mean of the values that are known."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float | None) -> None:
        """Count one more."""
        if value is not None:
            self.total += value
            self.count += 1

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Mean:
        """Of several."""
        mean = cls()
        for value in values:
            mean.add(value)
        return mean

    @property
    def rounded(self) -> float | None:
        """For a document; None where nothing is known."""
        return round(self.total / self.count, 4) if self.count else None


@dataclass(kw_only=True)
class Tally:
    """Counts outcomes, and tells of them as they come. It holds sums, not lines: it does not grow with the number of pictures.

    Attributes:
        events: receives progress, and what is worth reading about a picture.
        target: what was protected where there was no mask.
        protected, skipped: how many pictures this run protected, and how many were done already.
        failures: of this run.
        planned: `{"src", "dst"}` of each picture that a run would protect.
        masked, mask_empty: how many pictures have a mask, and how many of those masks mark nothing.
        unsure, faint, plain: of all that are protected.
        sources: how many of the pictures of this run had which `mask_source`.
        lossy: how many of them were written with a lossy codec.
        src_bytes, dst_bytes: of their files.
        made_smaller: how many of them have fewer pixels than their pictures.
        linf_255, linf_255_lossless: the largest of each; None where there is none.
        psnr, ssim: means over them.
    """

    events: Events
    target: str = "auto"
    protected: int = 0
    skipped: int = 0
    planned: list[dict[str, str]] = field(default_factory=list)
    masked: int = 0
    mask_empty: int = 0
    unsure: Unsure = field(default_factory=Unsure)
    faint: Faint = field(default_factory=Faint)
    plain: Plain = field(default_factory=Plain)
    sources: Counter[str] = field(default_factory=Counter)
    lossy: int = 0
    src_bytes: int = 0
    dst_bytes: int = 0
    made_smaller: int = 0
    linf_255: float | None = None
    linf_255_lossless: float | None = None
    psnr: Mean = field(default_factory=Mean)
    ssim: Mean = field(default_factory=Mean)
    failures: Failures = field(init=False)

    def __post_init__(self) -> None:
        self.failures = Failures(self.events)

    @property
    def images(self) -> int:
        """All pictures that were looked at."""
        return self.protected + self.skipped + len(self.failures) + len(self.planned)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        job, record, problem = outcome.job, outcome.record, outcome.problem
        if problem is not None:
            self.failures.add(job.name, problem)
        elif record is not None:
            self.masked += bool(record.get("mask_empty")) or record.get("mask_source") == "file"
            self.mask_empty += bool(record.get("mask_empty"))
            if outcome.status == "planned":
                self.planned.append({"src": record["src"], "dst": record["dst"]})
            else:
                self.unsure.add(record, self.target)
                self.faint.add(record)
                self.plain.add(record, self.target)
                if outcome.status == "skipped":
                    self.skipped += 1
                else:
                    self._protected(job.name, record)
        self.events.advance()

    def _protected(self, name: str, record: Record) -> None:
        self.protected += 1
        self.sources[str(record["mask_source"])] += 1
        self.src_bytes += record["src_bytes"]
        self.dst_bytes += record["dst_bytes"]
        self.made_smaller += record["longest_side"] is not None
        change = record["linf_255"] or 0.0
        self.linf_255 = max(change, self.linf_255 or 0.0)
        self.lossy += not record["lossless"]
        if record["lossless"]:
            self.linf_255_lossless = max(change, self.linf_255_lossless or 0.0)
        self.psnr.add(record["psnr"])
        self.ssim.add(record["ssim"])
        for note in record["notes"]:
            self.events.warn(f"{name}: {note}")
        self.events.detail(f"{name}: {record['mask_source']}, largest change {change:.4g}/255")


def report(tally: Tally, *, generator: GeneratorFile, rule: str, dry_run: bool, seconds: float, look: str = "unseg detect") -> Report:
    """The result of a run.

    Args:
        tally: what happened.
        generator: what drew the noise.
        rule: how masks were read.
        dry_run: nothing was written.
        seconds: of the whole run.
        look: the command that shows the detections.

    Returns:
        The documented document; exit code 1 where a picture failed, or where every mask marks nothing.
    """
    document: dict[str, Any] = {
        "schema": 1,
        "command": "protect",
        "images": tally.images,
        "protected": tally.protected,
        "skipped": tally.skipped,
        "failed": len(tally.failures),
        "linf_255_max": tally.linf_255,
        "linf_255_max_lossless": tally.linf_255_lossless,
        "psnr_mean": tally.psnr.rounded,
        "ssim_mean": tally.ssim.rounded,
        "seconds": round(seconds, 3),
        "images_per_second": round(tally.protected / seconds, 3) if seconds else 0.0,
        "mask_source": {name: tally.sources[name] for name in ("file", "auto", "whole")},
        "generator": {"name": generator.name, "sha256": generator.sha256},
        "failures": tally.failures,
        "src_bytes": tally.src_bytes,
        "dst_bytes": tally.dst_bytes,
        "made_smaller": tally.made_smaller,
        "unsure": tally.unsure.unsure,
        "nothing_found": tally.unsure.nothing,
        "faint": tally.faint.count,
        "plain": tally.plain.count,
    }
    if dry_run:
        document |= {"dry_run": True, "would_protect": len(tally.planned), "planned": tally.planned}
    masks_fail = _masks_mark_nothing(tally, rule)
    closing = ("dry run: nothing was written",) if dry_run else _closing(tally, look) if tally.protected else left_out(tally.failures)
    return Report(document=document, exit_code=1 if tally.failures or masks_fail else 0, closing=closing)


def _masks_mark_nothing(tally: Tally, rule: str) -> bool:
    """Warn of empty masks; whether all are, and the rule is most likely wrong."""
    empty, masked = tally.mask_empty, tally.masked
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


def _closing(tally: Tally, look: str) -> tuple[str, ...]:
    smaller = f"; {pictures(tally.made_smaller)} made smaller" if tally.made_smaller else ""
    lines = [f"size of the files: {size_in_words(tally.src_bytes)} before, {size_in_words(tally.dst_bytes)} after{smaller}"]
    if tally.lossy:
        lines.append("The noise keeps to its budget; the largest change of JPEG and WebP files includes what the codec itself changed.")
    return (*lines, *CLAIM, *left_out(tally.failures), *tally.faint.lines(), *tally.plain.lines(), *tally.unsure.lines(look))

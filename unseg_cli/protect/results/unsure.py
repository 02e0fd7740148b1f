"""Pictures whose objects the owner should look at: those where the detection is unsure, or found nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.shell import command_of
from unseg_cli.generators.find import UNSURE
from unseg_cli.pictures.stores.remote import url_of
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.results.words import pictures


@dataclass(kw_only=True)
class Unsure:
    """How many there are.

    Attributes:
        unsure: detections whose confidence is too low or not known.
        unknown: those among them of which it is not known. Lines of earlier versions say nothing of it.
        nothing: pictures that nothing was found on.
    """

    unsure: int = 0
    unknown: int = 0
    nothing: int = 0

    def add(self, row: Record, target: str = "auto") -> None:
        """Count one more.

        Args:
            row: its line of the manifest.
            target: where nobody gave a mask; only "auto" goes by what was detected.
        """
        if target != "auto":
            return
        if row.get("mask_source") == "auto":
            confidence = row.get("confidence")
            self.unsure += confidence is None or confidence < UNSURE
            self.unknown += confidence is None
        self.nothing += row.get("mask_source") == "whole" and not row.get("mask_empty")

    def lines(self, look: str) -> tuple[str, ...]:
        """What to tell their owner; () where there are none.

        Args:
            look: the command that shows them.
        """
        known = self.unsure - self.unknown
        parts = [
            *([f"{known} detected object{'' if known == 1 else 's'} unsure"] if known else []),
            *([f"{self.unknown} of unknown certainty"] if self.unknown else []),
            *([f"{pictures(self.nothing)} with nothing found, protected as a whole"] if self.nothing else []),
        ]
        if not parts:
            return ()
        return (f"To be looked at: {', '.join(parts)}.", f"See and correct them with `{look}`, then protect again with its masks.")


def detect_command(src: Path, masks: Path | None) -> str:
    """What shows the detections of SRC, with masks beside it or where they were given; those of a copy, where SRC is an address."""
    if url_of(src):
        return "unseg detect COPY MASKS"
    folder = masks if masks is not None and masks.is_dir() else Path(f"{src}-masks") if src.is_dir() and src.name else Path("masks")
    return command_of(("unseg", "detect", src, folder))

"""Pictures whose objects the owner should look at: those where the detection is unsure, or found nothing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unseg_cli.generators.find import UNSURE
from unseg_cli.protect.manifest import Record


@dataclass(frozen=True, kw_only=True)
class Unsure:
    """How many there are.

    Attributes:
        unsure: detections whose confidence is too low or not known.
        unknown: those among them of which it is not known. Lines of earlier versions say nothing of it.
        nothing: pictures that nothing was found on.
    """

    unsure: int
    unknown: int
    nothing: int

    def lines(self, look: str) -> tuple[str, ...]:
        """What to tell their owner; () where there are none.

        Args:
            look: the command that shows them.
        """
        known = self.unsure - self.unknown
        parts = [
            *([f"{known} detected object{'' if known == 1 else 's'} unsure"] if known else []),
            *([f"{self.unknown} of unknown certainty"] if self.unknown else []),
            *(
                [f"{self.nothing} picture{'' if self.nothing == 1 else 's'} with nothing found, protected as a whole"]
                if self.nothing
                else []
            ),
        ]
        if not parts:
            return ()
        return (f"To be looked at: {', '.join(parts)}.", f"See and correct them with `{look}`, then protect again with its masks.")


def count_unsure(rows: Sequence[Record], target: str) -> Unsure:
    """Count them among lines of the manifest.

    Args:
        rows: the lines.
        target: where nobody gave a mask; only "auto" goes by what was detected.
    """
    if target != "auto":
        return Unsure(unsure=0, unknown=0, nothing=0)
    sure = [row.get("confidence") for row in rows if row.get("mask_source") == "auto"]
    return Unsure(
        unsure=sum(one is None or one < UNSURE for one in sure),
        unknown=sum(one is None for one in sure),
        nothing=sum(row.get("mask_source") == "whole" and not row.get("mask_empty") for row in rows),
    )


def detect_command(src: Path, masks: Path | None) -> str:
    """What shows the detections of SRC, with masks in a folder that lies beside it, or in the one that was given."""
    folder = masks if masks is not None and masks.is_dir() else Path(f"{src}-masks") if src.is_dir() and src.name else Path("masks")
    return f"unseg detect {shlex.quote(str(src))} {shlex.quote(str(folder))}"

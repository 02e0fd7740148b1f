"""Pictures in which what may be seen leaves hardly any noise (they count as protected), or too little (they fail): their owner is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unseg_cli.core.budget import HIDES_ENOUGH, TOO_FAINT
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.results.words import pictures

#: Grey levels. With noise of as many on every object a U-Net keeps four fifths of what it learns from clean pictures ("how faint is too
#: faint" in docs/results_tried.md).
FAINT = 2.0


@dataclass(kw_only=True)
class Faint:
    """How many there are.

    Attributes:
        count: pictures whose noise is that faint. Lines of earlier versions do not say.
    """

    count: int = 0

    def add(self, row: Record) -> None:
        """Count one more line of the manifest."""
        level = row.get("noise_255")
        self.count += isinstance(level, int | float) and level < FAINT

    def lines(self) -> tuple[str, ...]:
        """What to tell their owner; () where there are none."""
        if not self.count:
            return ()
        which = f"{pictures(self.count)} {'has' if self.count == 1 else 'have'}"
        return (
            f"Hardly protected: {which} noise of less than {FAINT:g} of 255 grey levels.",
            "`noise_255` in the manifest says which. More would be seen: --no-closely allows more, --strength high most.",
        )


def left_out(failures: Iterable[dict[str, str]]) -> tuple[str, ...]:
    """What to tell the owner of pictures that failed for having too little noise; () where there are none."""
    faint = [failure for failure in failures if TOO_FAINT in failure["error"]]
    if not faint:
        return ()
    large = sum("--longest-side" in failure["hint"] for failure in faint)
    smaller = f"{large} of them {'is' if large == 1 else 'are'} large: --longest-side {HIDES_ENOUGH} makes smaller copies, as for the web."
    return (
        f"Left out: {pictures(len(faint))}, in which so little noise can hide that it would protect nothing.",
        "More would show on smooth places: --no-closely or --strength high allow it, --files-from FILE for those pictures alone.",
        *((smaller,) if large else ()),
    )

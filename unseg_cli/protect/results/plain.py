"""Pictures that hold so much noise that it can be seen at their own size: their owner is told."""

from __future__ import annotations

from dataclasses import dataclass

from unseg_cli.core.budget import is_looked_at
from unseg_cli.protect.manifest import Record
from unseg_cli.protect.results.words import pictures

#: Grey levels. By eye, at 100 %: on the skin of portraits of 900 pixels 2.7 cannot be made out, 6.6 can.
PLAIN = 4.0


@dataclass(kw_only=True)
class Plain:
    """How many there are. Where people look closely there is less noise, and who sets no limit has chosen.

    Attributes:
        count: pictures under a limit, with a mask or no object looked for, whose noise is as strong as `PLAIN`.
    """

    count: int = 0

    def add(self, row: Record, target: str) -> None:
        """Count one more line of the manifest.

        Args:
            row: the line. Those of earlier versions do not say how strong the noise is, or whether it is hidden from a closer look.
            target: what was protected where there was no mask.
        """
        level, recipe = row.get("noise_255"), row.get("recipe", {})
        closely = recipe.get("closely", is_looked_at(target, masked=row.get("mask_source") == "file"))
        limited = recipe.get("max_difference") is not None
        self.count += not closely and limited and isinstance(level, int | float) and level >= PLAIN

    def lines(self) -> tuple[str, ...]:
        """What to tell their owner; () where there are none."""
        if not self.count:
            return ()
        return (
            f"Can be seen: the noise of {pictures(self.count)}, on skin, skies and other smooth places.",
            "--preview DIR shows it beside the clean pictures; --closely hides it, and protects less.",
        )

"""The settings of `unseg bench report`, which are its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.settings import option


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Settings of `unseg bench report`."""

    runs: tuple[Path, ...] = option(
        help="Folders that `unseg bench` left.", positional=True, required=True, repeated=True, parse=lambda text, flag: Path(text)
    )
    out: Path = option(Path("report.html"), metavar="FILE.html", help="The page to write.")
    markdown: Path | None = option(None, metavar="FILE.md", help="Also write it as Markdown.")
    overwrite: bool = option(False, help="Replace other files of these names.")

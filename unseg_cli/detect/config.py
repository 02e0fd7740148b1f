"""The settings of `unseg detect`, which are its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unseg_cli.core.common_settings import batch_size_option, device_option, generator_option, workers_option
from unseg_cli.core.settings import argument, option
from unseg_cli.detect.correction import Box, Point, parse_box, parse_point


@dataclass(frozen=True, kw_only=True)
class DetectConfig:
    """Settings of `unseg detect`."""

    src: Path = argument(help="A picture, or a folder of pictures.")
    masks: Path = argument(help="Folder for masks, detections.jsonl and review.html.")
    threshold: float | None = option(
        None, group="Objects", min=0, max=1, help="Confidence below which a detection counts as unsure.  [default: as measured]"
    )
    generator: str = generator_option()
    sam_checkpoint: Path | None = option(None, help="SAM's own checkpoint, for vit_b.")
    only: str | None = option(None, group="Corrections", metavar="NAME", help="One picture of SRC, by its path below it.")
    point: tuple[Point, ...] = option(
        (), metavar="X,Y", repeated=True, parse=parse_point, help="A pixel on the object of one picture; may be repeated."
    )
    not_point: tuple[Point, ...] = option(
        (), metavar="X,Y", repeated=True, parse=parse_point, help="A pixel that is not on the object; may be repeated."
    )
    box: Box | None = option(None, metavar="X0,Y0,X1,Y1", parse=parse_box, help="A box around the object of one picture.")
    whole: bool = option(False, help="The whole picture is the object.")
    overwrite: bool = option(False, help="Let a correction replace a mask drawn or edited by hand.")
    limit: int | None = option(None, group="Which pictures", min=1, help="Only the first so many pictures, done ones included.")
    include: tuple[str, ...] = option((), metavar="GLOB", help="Only matching paths; may be repeated.")
    exclude: tuple[str, ...] = option((), metavar="GLOB", help="Not matching paths; may be repeated.")
    dry_run: bool = option(False, group="Run", help="Say what would be done; write nothing.")
    workers: int | None = workers_option()
    batch_size: int | None = batch_size_option()
    device: str = device_option()

"""`detections.jsonl`: one line for each picture that has a mask."""

from __future__ import annotations

from typing import Any, TypedDict

from unseg_cli import __version__
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.generators.sums import fingerprint_of
from unseg_cli.pictures.masks import DETECTIONS
from unseg_cli.pictures.stores.ledger import Ledger
from unseg_cli.pictures.stores.store import Store

OWNER = "owner"
#: A line without one of these is none of ours.
_NEEDED = {"mask", "confidence", "area", "finder", "size", "src_sha256", "mask_sha256"}


class Detection(TypedDict, total=False):
    """A line of the file.

    Attributes:
        src, mask: names below SRC and MASKS.
        confidence: in [0, 1]; null where whoever found the object cannot say, and where nothing was found.
        area: share of the picture that the mask marks; 0 where nothing was found.
        finder: who found it; "owner": a person did, and no run changes the mask.
        size: [width, height] of the upright picture, and so of the mask.
        src_sha256, mask_sha256: of the files.
        correction: what the owner said, "whole", or "hand" of a mask that was drawn or edited; null where nobody said anything.
        replaces: hash of the mask that was there before: a kill may have kept it there.
        settings: fingerprint of all that decides the mask but the picture itself.
        generator, generator_sha256, version: what it was made with.
    """

    src: str
    mask: str
    confidence: float | None
    area: float
    finder: str
    size: list[int]
    src_sha256: str
    mask_sha256: str
    correction: str | dict[str, Any] | None
    replaces: str | None
    settings: str
    generator: str
    generator_sha256: str
    version: str


class Detections(Ledger[Detection]):
    """The detections of a folder of masks, which need not have any yet.

    Raises:
        EnvironmentProblem: the file cannot be read.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store, DETECTIONS, Detection, remedy="move it away: masks that are there then count as the owner's")

    def _take(self, row: Detection, line: bytes | memoryview) -> None:
        if row.keys() >= _NEEDED:
            super()._take(row, line)


def signature(generator: GeneratorFile, finder: str, identity: str | None) -> Detection:
    """What every line says about how its mask was made.

    Args:
        generator: the weights that looked.
        finder: what found the object.
        identity: of that, see `ObjectFinder`.
    """
    parts = {"generator": generator.sha256, "sam_checkpoint": generator.sam_checkpoint_sha256, "finder": finder, "identity": identity}
    return Detection(
        settings=fingerprint_of(parts),
        generator=generator.name,
        generator_sha256=generator.sha256,
        version=__version__,
    )


def is_owners(row: Detection) -> bool:
    """Whether a person made the mask."""
    return row["finder"] == OWNER


def is_nothing(row: Detection) -> bool:
    """Whether nothing was found, and nobody said that there is something."""
    return not is_owners(row) and not row["area"]


def is_unsure(row: Detection, threshold: float) -> bool:
    """Whether a person should look at a detection: its confidence is below the threshold, or not known."""
    confidence = row["confidence"]
    return not is_owners(row) and not is_nothing(row) and (confidence is None or confidence < threshold)

"""`unseg-manifest.jsonl`: one line for each picture that was protected or failed.

A line is written before its picture is moved into place. A kill between the two leaves a line whose hash fits no file, and the picture is
done again; a file without a line, which could be anybody's, cannot come about.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from unseg_cli import __version__
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.noise.version import NOISE_CODE
from unseg_cli.pictures.stores.ledger import Ledger
from unseg_cli.pictures.stores.store import Store
from unseg_cli.protect.partitions import part_name, parts_of

NAME = "unseg-manifest.jsonl"


class Record(TypedDict, total=False):
    """A line of the manifest. Lines of earlier versions lack some keys.

    Attributes:
        src, dst: names below SRC and DST.
        status: protected | failed; copied: it belongs to the annotations of a data set, and is as it was.
        mask_source: file | auto | whole; null where it failed.
        linf_255, psnr, ssim: measured on the written file, decoded again; in 1/255 of full intensity, dB, at most 1.
        epsilon, epsilon_bg: the bounds on the object and outside of it, in [0, 1].
        src_sha256, dst_sha256, mask_sha256: of the files; of a failed picture `dst_sha256` is that of the copy an earlier run left.
        generator, generator_sha256, sam_checkpoint_sha256, noise_code, version: what drew the noise.
        seconds: spent on it, over all threads.
        error, hint: why it failed.
        settings: fingerprint of all that decides what is written, see `Settings`.
        lossless, quality: of the written file.
        noise_255: how strong the noise in the written file is where it counts: `noise_level` times `noise_kept`.
        noise_kept: share of it that survived the codec.
        recipe: what decides how far the noise shows, see `NoiseBudget`; `closely` is null where there is no limit, and absent in lines of
            earlier versions.
        mask_empty: it has a mask, which marks nothing.
        mask_share: share of the picture that has the object's bound.
        confidence: of the detection, in [0, 1]; null where it is not known, nothing was found, or a mask came from a file.
        src_bytes, dst_bytes: sizes of the files.
        longest_side: of a copy that was made smaller than its picture, in pixels; null of others.
        notes: what the owner should know.
    """

    src: str
    dst: str
    status: Literal["protected", "failed", "copied"]
    mask_source: Literal["file", "auto", "whole"] | None
    linf_255: float | None
    psnr: float | None
    ssim: float | None
    epsilon: float
    epsilon_bg: float
    src_sha256: str | None
    dst_sha256: str | None
    generator: str
    generator_sha256: str
    version: str
    seconds: float | None
    error: str | None
    hint: str
    settings: str
    mask_sha256: str | None
    sam_checkpoint_sha256: str | None
    noise_code: str
    lossless: bool
    quality: int | None
    noise_255: float
    noise_kept: float
    recipe: dict[str, float | None]
    mask_empty: bool
    mask_share: float
    confidence: float | None
    src_bytes: int
    dst_bytes: int
    longest_side: int | None
    notes: list[str]


def longest_side_of(row: Record | None) -> int | None:
    """To how many pixels the copy was made smaller; None: it was not, or nobody knows."""
    longest = row.get("longest_side") if row else None
    return longest if isinstance(longest, int) and longest > 0 else None


def signature(budget: NoiseBudget, generator: GeneratorFile) -> Record:
    """What every line says about how its picture was, or was to be, protected."""
    return Record(
        epsilon=budget.foreground,
        epsilon_bg=budget.background,
        recipe={"max_difference": budget.visible, "min_cell": budget.min_cell, "closely": budget.closely if budget.visible else None},
        generator=generator.name,
        generator_sha256=generator.sha256,
        sam_checkpoint_sha256=generator.sam_checkpoint_sha256,
        noise_code=NOISE_CODE,
        version=__version__,
    )


class Manifest(Ledger[Record]):
    """The manifest of a store, which need not have one yet: all of it, or the part of a name (`partitions.py`).

    Raises:
        EnvironmentProblem: it cannot be read.
    """

    def __init__(self, store: Store, name: str = NAME) -> None:
        self._owners: dict[str, str] = {}
        parts = [part_name(number) for number in range(parts_of(store))] if name == NAME else []
        super().__init__(store, name, Record, remedy="remove it to protect everything anew", earlier=parts)

    def owns(self, dst_name: str) -> bool:
        """Whether an earlier run wrote this file."""
        return dst_name in self._owners

    def belongs_to_another(self, dst_name: str, src: str) -> bool:
        """Whether a file is the copy of another picture than `src`."""
        owner = self._owners.get(dst_name, src)
        return owner != src and self.rows[owner].get("dst") == dst_name

    def _take(self, row: Record, line: bytes | memoryview) -> None:
        super()._take(row, line)
        if row.get("dst_sha256"):
            self._owners[str(row.get("dst"))] = row["src"]

"""The values that change a byte of what is written: all of them, and nothing else. Their fingerprint says whether a copy is up to date."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unseg_cli.core.budget import NoiseBudget, check_budget, is_looked_at
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.generators.sums import fingerprint_of
from unseg_cli.noise.version import NOISE_CODE
from unseg_cli.pictures.masks import MaskRule, mask_rule


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a picture is protected, whatever its files are called and wherever they lie.

    Attributes:
        budget: bounds of the noise.
        target: auto | whole | uniform: what gets the object's bound where there is no mask, see `Session.noise`.
        mask_rule: which values of a mask are objects, see `mask_rule`.
        per_class: masks hold class numbers, and every class gets noise of its own.
        format: keep | png | jpeg | webp.
        quality: 1 to 100, of a lossy format; None: see `choose_encoding`.
        metadata: keep | strip | strip-gps.
        longest_side: in pixels; larger pictures are made smaller, masks with them. None: none is.

    Raises:
        UsageProblem: a budget that protects nothing, or no such rule.
    """

    budget: NoiseBudget = NoiseBudget()
    target: str = "auto"
    mask_rule: str = "nonzero"
    per_class: bool = False
    format: str = "keep"
    quality: int | None = None
    metadata: str = "keep"
    longest_side: int | None = None

    def __post_init__(self) -> None:
        check_budget(self.budget)
        _ = self.rule

    @cached_property
    def rule(self) -> MaskRule:
        """What `mask_rule` stands for."""
        return mask_rule(self.mask_rule)

    def of_files(self) -> dict[str, Any]:
        """Those about files, for `prepare_picture`."""
        return {name: getattr(self, name) for name in ("format", "quality", "metadata", "longest_side")}

    def fingerprint(self, generator: GeneratorFile, mask_sha256: str | None, finder: str | None = None) -> str:
        """A short hash of everything that decides what is written, but for the source itself.

        Args:
            generator: the weights that draw.
            mask_sha256: of the owner's mask; None where there is none.
            finder: the identity of what finds objects where there is no mask, see `ObjectFinder`.
        """
        masked = mask_sha256 is not None
        parts = {
            "epsilon": self.budget.foreground,
            "epsilon_bg": self.budget.background,
            "generator": generator.sha256,
            "sam_checkpoint": generator.sam_checkpoint_sha256,
            "noise_code": NOISE_CODE,
            "target": None if masked else self.target,
            "visible": self.budget.visible,
            "min_cell": self.budget.min_cell,
            "mask": mask_sha256,
            "mask_rule": self.mask_rule if masked else None,
            "per_class": masked and self.per_class,
            "format": self.format,
            "quality": self.quality,
            "metadata": self.metadata,
        }
        by_default = is_looked_at(self.target, masked=masked)
        if self.budget.visible is not None and self.budget.looked_at_closely(by_default=by_default) != by_default:
            parts["closely"] = self.budget.closely  # only here: others keep the fingerprint of earlier versions
        if self.longest_side is not None:
            parts["longest_side"] = self.longest_side  # likewise
        if finder is not None and not masked and self.target != "uniform":
            parts["finder"] = finder  # only here: pictures with masks keep the fingerprint of earlier versions
        return fingerprint_of(parts)

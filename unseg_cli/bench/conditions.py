"""What may be done to the training pictures, and how it is written: the only place that knows the spelling of a condition.

Nothing heavy is imported here: option help and plots derive from the table below.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.errors import UsageProblem, did_you_mean

#: none; the generator's; per-class: a closed form for every class of a label map, the generator's elsewhere; ready: pictures that were
#: protected before; random: uniform noise at the object's budget all over; texture: the closed-form rival; minimised: that of each picture
#: by descent, see `bench/preparation/minimised.py`.
NoiseKind = Literal["none", "omitted", "generator", "per-class", "ready", "random", "texture", "minimised"]
#: Where the objects are: the true masks; detections; detections, but true masks where those are unsure, as an owner would correct them;
#: masks in a folder; the whole picture; or nothing is told apart at all.
MaskSource = Literal["gt", "auto", "corrected", "folder", "whole", "uniform"]
#: Masks as `detect` makes them, and its owner corrects them: those of photographs, which `protect` hides the noise in from a closer look.
MADE_BY_DETECT: tuple[MaskSource, ...] = ("corrected",)

CLEAN, PROTECTED, RANDOM, TEXTURE = "clean", "protected", "random", "texture"
CLEAN_SUBSET = "clean-subset"


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """What a name stands for.

    Attributes:
        noise: the kind of noise.
        masks: the source of masks that the name itself fixes; None: that of --protect-masks.
        colour: in plots.
    """

    noise: NoiseKind
    masks: MaskSource | None
    colour: str

    @property
    def ours(self) -> bool:
        """Whether it is a protection of this package, not a control or a rival."""
        return self.noise in ("generator", "per-class", "ready")


#: By name, in the order in which tables show them.
SPELLINGS: dict[str, Spelling] = {
    CLEAN: Spelling(noise="none", masks="whole", colour="#3b6ea5"),
    CLEAN_SUBSET: Spelling(noise="omitted", masks="whole", colour="#85b0d6"),
    PROTECTED: Spelling(noise="generator", masks=None, colour="#c0392b"),
    "protected-auto": Spelling(noise="generator", masks="auto", colour="#e07b6c"),
    "protected-corrected": Spelling(noise="generator", masks="corrected", colour="#b7950b"),
    "protected-whole": Spelling(noise="generator", masks="whole", colour="#8e44ad"),
    "protected-uniform": Spelling(noise="generator", masks="uniform", colour="#16a0a0"),
    "protected-per-class": Spelling(noise="per-class", masks="gt", colour="#27ae60"),
    RANDOM: Spelling(noise="random", masks="whole", colour="#7f8c8d"),
    TEXTURE: Spelling(noise="texture", masks=None, colour="#d68910"),
    "error-minimising": Spelling(noise="minimised", masks=None, colour="#6d4c41"),
}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What is done to the training pictures.

    Attributes:
        noise: the kind of noise.
        masks: where the objects are.
        budget: its bounds.
        share: of the training pictures, those that are changed at all, in [0, 1]; the others stay clean.
        as_asked: whether the source of masks is that of --protect-masks, not one that the name fixes.
    """

    noise: NoiseKind
    masks: MaskSource
    budget: NoiseBudget
    share: float = 1.0
    as_asked: bool = False

    @classmethod
    def parse(cls, name: str, *, masks: str, budget: NoiseBudget, share: float = 1.0, ready: bool = False) -> Condition:
        """Read a name of `SPELLINGS`.

        Args:
            name: what the user wrote.
            masks: the source of masks where the name fixes none, as --protect-masks says.
            budget: bounds of the noise.
            share: of the pictures that are changed.
            ready: whether "protected" means pictures that were protected before.

        Raises:
            UsageProblem: no such condition or source of masks.
        """
        if name not in SPELLINGS:
            raise UsageProblem(f"--conditions {name!r} is not known", hint=did_you_mean(name, list(SPELLINGS)))
        sources: tuple[MaskSource, ...] = get_args(MaskSource)
        asked = next((source for source in sources if source == masks), None)
        if asked is None:
            raise UsageProblem(f"--protect-masks {masks!r} is not known", hint=did_you_mean(masks, list(sources)))
        meant = SPELLINGS[name]
        if (meant.masks or asked) in MADE_BY_DETECT:
            budget = budget.of_photographs()
        noise: NoiseKind = "ready" if ready and name == PROTECTED else meant.noise
        return cls(
            noise=noise,
            masks=meant.masks or asked,
            budget=budget,
            share=1.0 if noise == "none" else share,
            as_asked=meant.masks is None,
        )

    @property
    def name(self) -> str:
        """Its name in `SPELLINGS`, in options, rows and plots: what `parse` reads."""
        noise = "generator" if self.noise == "ready" else self.noise
        masks = None if self.as_asked else self.masks
        return next(name for name, meant in SPELLINGS.items() if (meant.noise, meant.masks) == (noise, masks))

    @property
    def clean(self) -> bool:
        """Whether nothing is changed."""
        return self.noise == "none"

    @property
    def omits(self) -> bool:
        """Whether the pictures that other conditions change are left out: what the rest of them teaches alone."""
        return self.noise == "omitted"

    @property
    def detects(self) -> bool:
        """Whether objects have to be found."""
        return self.noise in ("generator", "texture", "minimised") and self.masks in ("auto", "corrected")

    @property
    def uses_generator(self) -> bool:
        """Whether the generator has to run: for its noise, or for the objects that it detects."""
        return self.noise in ("generator", "per-class") or self.detects

    def __str__(self) -> str:
        return self.name


def names_for_help(names: Iterable[str] = SPELLINGS) -> str:
    """The names for an option's help, those of one beginning drawn together: "clean, protected, protected-auto|whole"."""
    groups: dict[str, list[str]] = {}
    for name in names:
        first, dash, rest = name.partition("-")
        groups.setdefault(f"{first}{dash}", []).append(rest)
    return ", ".join(beginning + "|".join(rest) for beginning, rest in groups.items())

"""Turns pictures into their version under each condition.

A training picture is decoded once, changed at its original size and rounded to 8 bits, before anything else happens to it: the order of
events of an attacker who collects published pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from unseg_cli.bench.conditions import Condition, MaskSource
from unseg_cli.bench.preparation.minimised import TOP, Int8Array
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import IGNORE, BoolArray, U8Array
from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.kinds.folder import pictures_by_stem
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.sample import FileSource, Sample, Truth, read_image
from unseg_cli.generators.find import UNSURE
from unseg_cli.generators.session import PictureNoise
from unseg_cli.noise.closed_form import random_noise, texture_noise
from unseg_cli.noise.field import ArrayField, NoiseField, Rows
from unseg_cli.noise.per_class import NO_CLASS, PerClassField
from unseg_cli.pictures.adding import add_noise
from unseg_cli.pictures.channels import visible_rgb
from unseg_cli.pictures.masks import mask_rule, read_mask
from unseg_cli.pictures.picture import Space

RANDOM_NOISE_SEED = 2024


class NoiseSource(Protocol):
    """Draws noise for pictures: a `Session`, or a stand-in for one."""

    def noise(
        self, images: Sequence[U8Array], masks: Sequence[BoolArray | None], *, budget: NoiseBudget, target: str = "auto"
    ) -> list[PictureNoise]:
        """See `Session.noise`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Original:
    """A training picture as it was found.

    Attributes:
        id: its name.
        image: (H, W, 3) uint8, upright.
        space: what the channels of its file are: noise on a file of one channel has no colour.
        truth: what is known about it.
    """

    id: str
    image: U8Array
    space: Space
    truth: Truth

    @property
    def labels(self) -> U8Array:
        """(H, W) uint8; 255 = void."""
        assert self.truth.labels is not None, "the data set has no label maps"
        return self.truth.labels


#: Noise and masks of one picture, for each condition that needs them.
Drawn = dict[Condition, PictureNoise]


class ConditionMaker:
    """Makes the version of a picture under each condition.

    Args:
        objects: the labels that count as objects.
        source: draws the noise, and detects objects; None where no condition needs it.
        ready: pictures that were protected before, by id, for the condition that takes them.
        masks: mask files by id, for conditions whose masks are those of a folder; not 0 is object.
    """

    def __init__(
        self,
        objects: tuple[int, ...],
        source: NoiseSource | None = None,
        *,
        ready: dict[str, Path] | None = None,
        masks: dict[str, Path] | None = None,
    ) -> None:
        self.objects, self.source, self.ready, self.masks = objects, source, ready or {}, masks or {}
        self._found: dict[Condition, Int8Array] = {}

    def keep(self, condition: Condition, noise: Int8Array) -> None:
        """What `minimise` has found for the pictures of a split, in their order; `make` takes it from there."""
        self._found[condition] = noise

    def forget(self) -> None:
        """Let go of what was kept, and of the files that it lies in: Windows deletes none that are open."""
        self._found.clear()

    def read(self, sample: Sample) -> Original:
        """Decode a picture and its truth; may be called by several threads.

        Raises:
            UnsegError: a file cannot be read.
            UsageProblem: picture and mask have two sizes.
        """
        (image, space), truth = sample.image.pixels(), sample.truth()
        labels = truth.labels
        if labels is not None and labels.shape != image.shape[:2]:
            raise UsageProblem(
                f"{sample.image}: the picture is {image.shape[1]}x{image.shape[0]}, its mask {labels.shape[1]}x{labels.shape[0]}",
                hint="picture and mask must have one size",
            )
        return Original(id=sample.id, image=image, space=space, truth=truth)

    def draw(self, originals: list[Original], conditions: Iterable[Condition]) -> list[Drawn]:
        """Noise and masks for a few pictures, one pass of the generator for each source of masks."""
        drawn: list[Drawn] = [{} for _ in originals]
        wanted = [condition for condition in conditions if condition.noise in ("generator", "per-class", "texture", "minimised")]
        groups: dict[tuple[bool, MaskSource, NoiseBudget], list[Condition]] = {}
        for condition in wanted:
            groups.setdefault((condition.noise == "per-class", condition.masks, condition.budget), []).append(condition)
        for (per_class, masks, budget), members in groups.items():
            if per_class:
                noises = self._per_class(originals, budget)
            else:
                noises = self._of_objects(originals, masks, budget, generate=any(condition.uses_generator for condition in members))
            for one, noise in zip(drawn, noises, strict=True):
                one.update(dict.fromkeys(members, noise))
        return drawn

    def make(self, original: Original, drawn: Drawn, conditions: Iterable[Condition], number: int) -> dict[Condition, U8Array]:
        """A picture under each condition, (H, W, 3) uint8 at its own size; may be called by several threads.

        Args:
            original: from `read`.
            drawn: its own, from `draw`.
            conditions: those that are wanted.
            number: of the picture in its split; it seeds the random noise.
        """
        return {condition: self._make(original, drawn, condition, number) for condition in conditions}

    def batch(self, samples: Iterable[Sample], conditions: Sequence[Condition]) -> list[dict[Condition, U8Array]]:
        """The first few pictures of a split under each condition: `read`, `draw` and `make` in one."""
        originals = [self.read(sample) for sample in samples]
        drawn = self.draw(originals, conditions)
        return [self.make(*pair, conditions, number) for number, pair in enumerate(zip(originals, drawn, strict=True))]

    def _make(self, original: Original, drawn: Drawn, condition: Condition, number: int) -> U8Array:
        image = original.image
        if condition.clean:
            return image
        if condition.noise == "ready":
            return _read_ready(self.ready[original.id], image)
        field: Rows
        if condition.noise == "random":
            height, width = image.shape[:2]
            field = ArrayField(random_noise(height, width, np.random.default_rng((RANDOM_NOISE_SEED, number))))
            where = np.ones((height, width), np.bool_)
        else:
            where = drawn[condition].mask
            field = drawn[condition].field
            if condition.noise == "texture":
                field = ArrayField(texture_noise(where))
            elif condition.noise == "minimised":
                field = NoiseField(self._found[condition][number].astype(np.float32) / TOP, image.shape[:2])
        if original.space == "grey":  # as `protect` would write it: a grey file takes one channel of the noise
            return visible_rgb(add_noise(image[..., 0], "grey", field, where, condition.budget), "grey")
        return add_noise(image, "rgb", field, where, condition.budget).astype(np.uint8, copy=False)

    def _per_class(self, originals: list[Original], budget: NoiseBudget) -> list[PictureNoise]:
        labels = [original.labels for original in originals]
        made = self._drawn(originals, [label != IGNORE for label in labels], "whole", budget)
        classes = [np.where(label == IGNORE, NO_CLASS, label.astype(np.int32)) for label in labels]
        return [replace(one, field=PerClassField(one.field, numbers)) for one, numbers in zip(made, classes, strict=True)]

    def _of_objects(self, originals: list[Original], source: MaskSource, budget: NoiseBudget, *, generate: bool) -> list[PictureNoise]:
        """The generator's noise with its masks; where no more than known masks are needed, no generator runs."""
        if source == "corrected":
            return self._corrected(originals, budget)
        masks = self._known(originals, source)
        if generate:
            return self._drawn(originals, masks or [None] * len(originals), "auto" if masks else source, budget)
        no_noise = ArrayField(np.zeros((1, 1, 3), np.float32))
        everything = [np.ones(original.image.shape[:2], np.bool_) for original in originals]
        used = [mask if mask.any() else all_ for mask, all_ in zip(masks or everything, everything, strict=True)]
        return [PictureNoise(field=no_noise, mask=mask, mask_source="file" if masks else "whole") for mask in used]

    def _known(self, originals: list[Original], source: MaskSource) -> list[BoolArray]:
        """Masks that nobody has to find; [] where the source has none."""
        if source == "gt":
            return [np.isin(original.labels, self.objects) for original in originals]
        if source == "folder":
            return [read_mask(self.masks[one.id], mask_rule("nonzero"), one.image.shape[:2]) for one in originals]
        return []

    def _corrected(self, originals: list[Original], budget: NoiseBudget) -> list[PictureNoise]:
        """As an owner would have it who looks at what is unsure, and then protects with the masks; `mask_source` says who marked what."""
        found = self._drawn(originals, [None] * len(originals), "auto", budget)
        sure = [one.mask_source == "auto" and (one.confidence or 0.0) >= UNSURE for one in found]
        truth = self._known(originals, "gt")
        masks = [one.mask if kept else true for one, kept, true in zip(found, sure, truth, strict=True)]
        made = self._drawn(originals, masks, "auto", budget)
        return [replace(one, mask_source="auto" if kept else "file") for one, kept in zip(made, sure, strict=True)]

    def _drawn(self, originals: list[Original], masks: Sequence[BoolArray | None], target: str, budget: NoiseBudget) -> list[PictureNoise]:
        assert self.source is not None, "a condition needs the generator"
        return self.source.noise([original.image for original in originals], masks, budget=budget, target=target)


def given_masks(root: Path, data: LabelledData) -> dict[str, Path]:
    """The mask of every training picture, by id: in ROOT/masks/train, ROOT/train or ROOT.

    Raises:
        UsageProblem: no such folder, or it lacks one.
    """
    return _of_training_pictures("--masks-from", root, data, "masks", "every picture in images/train of --data needs a mask of its name")


def ready_pictures(root: Path, data: LabelledData) -> dict[str, Path]:
    """The protected version of every training picture, by id: in ROOT/images/train, ROOT/train or ROOT.

    Raises:
        UsageProblem: no such folder, or it lacks a picture.
    """
    return _of_training_pictures("--protected", root, data, "images", "protect images/train of --data")


def _of_training_pictures(option: str, root: Path, data: LabelledData, kind: str, hint: str) -> dict[str, Path]:
    folder = next((path for path in (root / kind / "train", root / "train", root) if path.is_dir()), None)
    if folder is None:
        raise UsageProblem(f"{option} {root}: no such folder", hint=hint)
    found = pictures_by_stem(folder)
    absent = [sample.id for sample in data.train if sample.id not in found]
    if absent:
        raise UsageProblem(f"{option} {root}: {len(absent)} training pictures are not there, first {absent[0]}", hint=hint)
    return found


def _read_ready(path: Path, clean: U8Array) -> U8Array:
    image = read_image(FileSource(path))
    if image.shape != clean.shape:
        raise UsageProblem(f"{path} has another size than its clean picture", hint="protect the same files that --data holds")
    return image

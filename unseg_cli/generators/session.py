"""A generator at work on whole pictures: look once, then detect and draw as often as one likes. Used by `protect` and `bench` alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from unseg_cli.core.constants import BoolArray, U8Array
from unseg_cli.generators.find import Found, ObjectFinder
from unseg_cli.generators.finders.agreeing import default_finder
from unseg_cli.generators.frame import mask_to_frame, own_part, to_frame
from unseg_cli.generators.scenes import Scenes
from unseg_cli.generators.sparing import visibility_weight
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.protocols import NoiseGenerator
from unseg_cli.noise.field import NoiseField, Rows

MaskSource = Literal["file", "auto", "whole"]


@dataclass(frozen=True, kw_only=True)
class PictureNoise:
    """Noise for one picture.

    Attributes:
        field: the noise at the picture's own size, row by row.
        mask: (H, W) foreground as used.
        mask_source: where it came from: the owner's file, a detection, or the whole picture.
        spared: whether smooth places and people got less of the budget.
        confidence: of the detection, see `Found`; None where there is none, or where the owner gave a mask.
    """

    field: Rows
    mask: BoolArray
    mask_source: MaskSource
    spared: bool = False
    confidence: float | None = None


class Session:
    """A generator on its device, and what finds objects for it.

    Args:
        generator: from `load_generator`.
        finder: where objects are that no mask marks; None: see `default_finder`.

    Raises:
        EnvironmentProblem: the weights of the default finder are not there, or were changed.
    """

    def __init__(self, generator: NoiseGenerator, finder: ObjectFinder | None = None) -> None:
        self.generator = generator
        self.device = next(generator.parameters()).device
        self.finder = finder or default_finder(generator, self.device)

    @torch.no_grad()
    def look(self, images: Sequence[U8Array]) -> Scenes:
        """Run the image encoder, once for all pictures.

        Args:
            images: (H, W, 3) uint8 each; sizes may differ.
        """
        size = self.generator.spec.image_size
        frames = torch.stack([to_frame(image, size) for image in images]).to(device=self.device, memory_format=torch.channels_last)
        return Scenes(images=tuple(images), frames=frames, embedding=self.generator.embed(frames))

    @torch.no_grad()
    def draw(self, scenes: Scenes, objects: Sequence[BoolArray], spared: Sequence[bool]) -> list[NoiseField]:
        """Noise for pictures that were looked at before.

        Args:
            scenes: from `look`.
            objects: (H, W) each: what the noise tells apart from the rest.
            spared: of each picture, whether smooth places and people get less.
        """
        size = self.generator.spec.image_size
        prompt = Prompt(mask=torch.stack([mask_to_frame(mask, size) for mask in objects]).to(self.device))
        noise = self.generator.draw(scenes.embedding, scenes.frames, prompt)
        if any(spared):
            these = torch.tensor(list(spared), device=self.device)
            weight = visibility_weight(scenes.frames[these])
            noise[these] *= F.interpolate(weight, noise.shape[-2:], mode="bilinear", align_corners=False)
        shapes = [image.shape[:2] for image in scenes.images]
        return [NoiseField(own_part(plane, shape), shape) for plane, shape in zip(noise, shapes, strict=True)]

    def noise(
        self, images: Sequence[U8Array], masks: Sequence[BoolArray | None], *, target: str = "auto", spare: bool | None = None
    ) -> list[PictureNoise]:
        """Noise for a batch of pictures.

        Args:
            images: (H, W, 3) uint8 each; sizes may differ.
            masks: (H, W) each, or None where there is none. An empty mask marks nothing: the whole picture is protected.
            target: "auto", "whole" or "uniform": what gets the foreground's budget without a mask, the detected object or the whole
                picture. "whole" still draws the detected object in another colour, "uniform" looks for nothing. A generator that does
                not find objects protects the whole picture.
            spare: less noise on smooth places and people, see `unseg_cli.generators.sparing`. None: where nobody gave a mask, the
                target is "auto" and the generator finds objects itself. Whoever has masks publishes data to be learnt from rather than
                looked at, and the other targets ask for as much as there is.
        """
        scenes = self.look(images)
        found: list[Found | None] = [None] * len(images)
        if target != "uniform" and any(mask is None for mask in masks):
            found = [own if mask is None else None for own, mask in zip(self.finder.find(scenes), masks, strict=True)]
        chosen = [_choose(image.shape[:2], given, own, target) for image, given, own in zip(images, masks, found, strict=True)]
        by_default = target == "auto" and self.generator.spec.finds_objects  # the paper's generator spares nothing
        spared = [spare if spare is not None else by_default and mask is None for mask in masks]
        fields = self.draw(scenes, [regions.object for regions in chosen], spared)
        return [
            PictureNoise(
                field=field,
                mask=regions.budget,
                mask_source=regions.source,
                spared=sparing,
                confidence=None if own is None else own.confidence,
            )
            for field, regions, sparing, own in zip(fields, chosen, spared, found, strict=True)
        ]


class _Regions(NamedTuple):
    """(H, W) each: what the noise tells apart from the rest, and where it has the foreground's budget."""

    object: BoolArray
    budget: BoolArray
    source: MaskSource


def _choose(shape: tuple[int, int], given: BoolArray | None, own: Found | None, target: str) -> _Regions:
    """The owner's mask, else the detected object, else the whole picture.

    With the target "whole" the detection still says where the noise changes: everything gets the budget, but a pattern that is the same
    everywhere would say nothing that a label could be bound to. Where detections are mostly wrong, that is the better one: "uniform".
    """
    everything = np.ones(shape, np.bool_)
    if given is not None:
        return _Regions(given, given, "file") if given.any() else _Regions(everything, everything, "whole")
    if own is None:
        return _Regions(everything, everything, "whole")
    return _Regions(own.mask, own.mask, "auto") if target == "auto" else _Regions(own.mask, everything, "whole")

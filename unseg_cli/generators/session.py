"""A generator at work on whole pictures: look once, then detect and draw as often as one likes. Used by `protect` and `bench` alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import numpy as np

from unseg_cli.core.budget import NoiseBudget, is_looked_at
from unseg_cli.core.constants import BoolArray, FloatArray, U8Array
from unseg_cli.generators.find import Found, ObjectFinder
from unseg_cli.generators.finders.agreeing import default_finder
from unseg_cli.generators.frame import mask_to_frame, own_part, shrunk, surrounded, to_frame, with_surroundings
from unseg_cli.generators.hiding import FARTHEST, detail_that_hides, hidden_share
from unseg_cli.generators.runtimes.runtime import Runtime
from unseg_cli.generators.scenes import Scenes
from unseg_cli.noise.arithmetic import is_grey
from unseg_cli.noise.field import Enlarged, NoiseField, Rows
from unseg_cli.noise.tiles import FINER, TileField, Tiles, pitch_for
from unseg_cli.pictures.smaller import fitted_size

if TYPE_CHECKING:
    from unseg_cli.models.protocols import NoiseGenerator

MaskSource = Literal["file", "auto", "whole"]


@dataclass(frozen=True, kw_only=True)
class PictureNoise:
    """Noise for one picture.

    Attributes:
        field: the noise at the picture's own size, row by row.
        mask: (H, W) foreground as used.
        mask_source: where it came from: the owner's file, a detection, or the whole picture.
        confidence: of the detection, see `Found`; None where there is none, or where the owner gave a mask.
        closely: whether it is hidden from people who look closely, too, as far as there is a limit of what they may see.
    """

    field: Rows
    mask: BoolArray
    mask_source: MaskSource
    confidence: float | None = None
    closely: bool = False


class Session:
    """A generator where it runs, and what finds objects for it. Several threads may use one at once.

    Args:
        generator: from `load_generator` or `open_runtime`.
        finder: where objects are that no mask marks; None: see `default_finder`.

    Attributes:
        generator: the generator where it runs.

    Raises:
        EnvironmentProblem: the weights of the default finder are not there, or were changed.
    """

    def __init__(self, generator: NoiseGenerator | Runtime, finder: ObjectFinder | None = None) -> None:
        self.generator = _running(generator)
        self.finder = finder or default_finder(self.generator)
        self._tiles = self.generator.tiles()

    @property
    def device(self) -> str:
        """Where the networks run."""
        return self.generator.device

    @property
    def threads_of_its_own(self) -> bool:
        """See `Runtime`."""
        return self.generator.threads_of_its_own

    def look(self, images: Sequence[U8Array]) -> Scenes:
        """Make pictures ready for the network, which runs once for all of them, when that is needed.

        Args:
            images: (H, W, 3) uint8 each; sizes may differ.
        """
        small = tuple(shrunk(image) for image in images)
        frames = np.stack([to_frame(image, self.generator.spec.image_size, like.shape) for image, like in zip(small, images, strict=True)])
        return Scenes(images=tuple(images), small=small, frames=frames, embed=self.generator.embed)

    def draw(self, scenes: Scenes, objects: Sequence[BoolArray], budgets: Sequence[NoiseBudget], closely: Sequence[bool]) -> list[Rows]:
        """Noise for pictures that were looked at before.

        Args:
            scenes: from `look`.
            objects: (H, W) each: what the noise tells apart from the rest.
            budgets: of each picture, what the noise will be multiplied with, on the object and outside of it, and how much of it may be
                seen. The latter only counts for generators whose noise is made of tiles.
            closely: of each picture, whether it is one that people look at closely, see `hidden_share`.
        """
        if self._tiles is not None:
            looked_at = [small if close else None for small, close in zip(scenes.small, closely, strict=True)]
            return [of_tiles(self._tiles, *one) for one in zip(scenes.frames, objects, looked_at, budgets, strict=True)]
        size = self.generator.spec.image_size
        noise = self.generator.draw(scenes.embedding, np.stack([mask_to_frame(mask, size) for mask in objects]))
        shapes = [image.shape[:2] for image in scenes.images]
        return [NoiseField(own_part(plane, shape), shape) for plane, shape in zip(noise, shapes, strict=True)]

    def noise(
        self, images: Sequence[U8Array], masks: Sequence[BoolArray | None], *, budget: NoiseBudget, target: str = "auto"
    ) -> list[PictureNoise]:
        """Noise for a batch of pictures.

        Where the budget does not say whether people look at the pictures closely, `is_looked_at` does; elsewhere the limit of what may
        be seen counts at 100 % alone.

        Args:
            images: (H, W, 3) uint8 each; sizes may differ.
            masks: (H, W) each, or None where there is none. An empty mask marks nothing: the whole picture is protected.
            budget: see `draw`.
            target: "auto", "whole" or "uniform": what gets the foreground's budget without a mask, the detected object or the whole
                picture. "whole" still draws the detected object in another colour, "uniform" looks for nothing. A generator that does
                not find objects protects the whole picture.
        """
        scenes = self.look(images)
        found: list[Found | None] = [None] * len(images)
        if target != "uniform" and any(mask is None for mask in masks):
            found = [own if mask is None else None for own, mask in zip(self.finder.find(scenes), masks, strict=True)]
        chosen = [_choose(image.shape[:2], given, own, target) for image, given, own in zip(images, masks, found, strict=True)]
        closely = [budget.looked_at_closely(by_default=is_looked_at(target, masked=mask is not None)) for mask in masks]
        # The target "whole" has the foreground's bound outside of the object, too.
        fields = self.draw(
            scenes,
            [regions.object for regions in chosen],
            [budget if regions.budget is regions.object else replace(budget, background=budget.foreground) for regions in chosen],
            closely,
        )
        return [
            PictureNoise(
                field=field,
                mask=regions.budget,
                mask_source=regions.source,
                confidence=None if own is None else own.confidence,
                closely=close,
            )
            for field, regions, own, close in zip(fields, chosen, found, closely, strict=True)
        ]


def of_tiles(tiles: Tiles, frame: FloatArray, mask: BoolArray, looked_at: U8Array | None, budget: NoiseBudget) -> TileField:
    """The noise of one picture at its own size.

    Args:
        tiles: of the generator.
        frame: (3, S, S), the picture as the generator looks at it.
        mask: see `Session.draw`, as for `budget`.
        looked_at: the picture, which may be `shrunk`, if people look at it closely, else None; see `hidden_share`.
        budget: see there.
    """
    longer, limit = max(mask.shape), budget.visible
    how = {"limited": limit is not None, "closely": looked_at is not None}
    pitch = pitch_for(longer, pitch=tiles.pitch, cell=tiles.cell, min_cell=budget.min_cell, **how)
    inside, outside = tiles.of(is_grey(frame))
    if limit is None:
        return TileField(inside, outside, mask, pitch)
    part, hiding = with_surroundings(frame, mask.shape, FARTHEST), None
    height, width = fitted_size(mask.shape[0], mask.shape[1], frame.shape[-1] // 2)
    if looked_at is not None:
        surface = _surface(looked_at, frame, mask.shape, pitch / (FINER * tiles.pitch))
        (height, width), hiding = surface.filled, detail_that_hides(surface.planes) * np.float32(surface.enlarged)

    def share(tile: FloatArray, epsilon: float) -> Enlarged:
        hidden = hidden_share(part, tile, epsilon=epsilon, scale=longer / pitch, limit=limit, hiding=hiding)
        return Enlarged(hidden[:, :height, :width], (mask.shape[0], mask.shape[1]))

    # Where there is no noise, nothing need be hidden.
    beside = share(outside, budget.background) if budget.background and not mask.all() else None
    return TileField(inside, outside, mask, pitch, share(inside, budget.foreground), beside)


class _Surface(NamedTuple):
    """What noise is hidden on, for `detail_that_hides`.

    Attributes:
        planes: (3, h, w) in [0, 1].
        filled: half of the height and width that the picture fills of it.
        enlarged: how large it is, as a share of the size that was wanted.
    """

    planes: FloatArray
    filled: tuple[int, int]
    enlarged: float = 1


def _surface(picture: U8Array, frame: FloatArray, shape: tuple[int, ...], finer: float) -> _Surface:
    """The picture in a frame that is larger by as much as its cells are finer.

    A `shrunk` picture that has fewer pixels is taken as it is: enlarging it would take longer than all that is done with it. It has more
    contrast from pixel to pixel than an enlarged one, by about as much as it is smaller.
    """
    own, given = frame.shape[-1], max(picture.shape)
    side = max(own, 2 * round(own * finer / 2))
    margin = 2 * round(FARTHEST * min(side, max(own, given)) / own / 2)
    if own < given < side:
        height, width = picture.shape[:2]
        return _Surface(surrounded(picture, margin), ((height + 1) // 2, (width + 1) // 2), given / side)
    larger = frame if side == own else to_frame(picture, side, shape)
    return _Surface(with_surroundings(larger, shape, margin), fitted_size(shape[0], shape[1], side // 2))


def _running(generator: NoiseGenerator | Runtime) -> Runtime:
    if hasattr(generator, "threads_of_its_own"):
        return cast("Runtime", generator)
    from unseg_cli.generators.runtimes.on_torch import TorchRuntime

    return TorchRuntime(generator)


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

"""Two finders that were trained apart: where they agree, both are mostly right; where they do not, a person should look.

The second one takes several times as long, so it is asked only where the first one leaves something open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unseg_cli.core.constants import BoolArray, FloatArray, U8Array
from unseg_cli.generators.find import (
    SMALLEST_OBJECT,
    UNSURE,
    Found,
    ObjectFinder,
    OwnFinder,
    columns_above,
    share_of,
    told_at,
    where_above,
)
from unseg_cli.generators.finders.edges import along_edges
from unseg_cli.generators.frame import at_size, own_part
from unseg_cli.generators.runtimes.runtime import Runtime, SecondOpinion
from unseg_cli.generators.scenes import Scenes
from unseg_cli.noise.arithmetic import sigmoid
from unseg_cli.noise.field import Enlarged
from unseg_cli.pictures.channels import cached_strips

if TYPE_CHECKING:
    from unseg_cli.models.prompt import Prompt

NAME = "lite+u2netp"
#: Raise it when the same networks find other objects than before: it goes into fingerprints of protected pictures.
RULE = "3"
#: The generator's own certainty (see `certainty_of`) from which on U2-Net-p is not asked; docs/decisions.md says what that costs.
CERTAIN = 0.91


class AgreeingFinders:
    """The generator's own decoder and, where that is not `CERTAIN`, U2-Net-p.

    A detection's confidence is the overlap (IoU) of the two, see `combined` for its mask; of the generator alone it is its certainty, and
    the mask, coarser than U2-Net-p's, is drawn along the edges of the picture.

    Args:
        generator: one that finds objects.
        salient: U2-Net-p.

    Attributes:
        identity: see `ObjectFinder`: the rule below, and the weights of U2-Net-p.
    """

    name = NAME

    def __init__(self, generator: Runtime, salient: SecondOpinion) -> None:
        self._generator, self._own, self._salient = generator, OwnFinder(generator), salient
        self.identity: str | None = f"{NAME}:{RULE}:{salient.sha256}"

    def find(self, scenes: Scenes, prompt: Prompt | None = None) -> list[Found | None]:
        """The salient object of every picture; of a prompt the generator's own decoder alone knows what it points at."""
        maps = None if prompt is not None else own_maps(self._generator, scenes)
        if maps is None:
            return self._own.find(scenes, prompt)
        shapes = [image.shape[:2] for image in scenes.images]
        return [self._found(*one) for one in zip(maps, scenes.frames, scenes.small, shapes, strict=True)]

    def _found(self, own: FloatArray, frame: FloatArray, small: U8Array, shape: tuple[int, int]) -> Found | None:
        if (certainty := certainty_of(own)) >= CERTAIN:
            return alone(along_edges(own, own_part(frame, shape)), certainty, shape)
        return combined(own, self._salient.probability(small), shape)


def default_finder(generator: Runtime) -> ObjectFinder:
    """What finds objects for a generator: two finders for one that finds salient objects, else its own decoder.

    A generator that was adapted to other objects knows them better than a network that never saw any, and weights that no file holds
    find nothing worth agreeing with.

    Raises:
        EnvironmentProblem: the second finder's weights are not there, or were changed.
    """
    source = generator.source
    if source is None or source.adapted or not generator.spec.finds_objects:
        return OwnFinder(generator)
    return AgreeingFinders(generator, generator.second_opinion())


def own_maps(generator: Runtime, scenes: Scenes) -> list[FloatArray] | None:
    """The generator's own probability of the salient object, (1, h, w) for every picture; None where it detects nothing."""
    logits = generator.detect(scenes.embedding)
    if logits is None:
        return None
    return [sigmoid(own_part(plane, image.shape[:2])) for plane, image in zip(logits, scenes.images, strict=True)]


def certainty_of(probability: FloatArray) -> float:
    """The overlap (soft IoU) of a map with its own object: 1 where no pixel is in doubt.

    Args:
        probability: in [0, 1], of any shape; its object is where it is above a half.

    Returns:
        In [0, 1]; 0 where there is no object.
    """
    inside = probability > 0.5
    marked = int(np.count_nonzero(inside))
    return float(probability[inside].sum() / (marked + probability[~inside].sum())) if marked else 0.0


def alone(own: FloatArray, certainty: float, shape: tuple[int, int]) -> Found | None:
    """The detection of one map, where it is above a half. Arguments and result as those of `combined`."""
    return _unless_speck(where_above(own, 0.5, shape), certainty)


def combined(own: FloatArray, other: FloatArray, shape: tuple[int, int]) -> Found | None:
    """The detection that two maps make together.

    Where they agree well enough it is where the mean of both is above a half; an unsure one is all that either takes for the object.
    Both were nearest to the truth of all that was tried, see docs/decisions.md.

    Args:
        own: (1, h, w) probabilities in [0, 1] of the whole picture, of any size.
        other: likewise.
        shape: (H, W) of the picture.

    Returns:
        None where there is no object.
    """
    small = told_at(shape)
    maps = [Enlarged(plane, small) for plane in (own, other)]
    likely = np.zeros(small, np.bool_)
    shared = together = 0
    for part in cached_strips(small[0]):
        for columns, sure in columns_above(maps, 0.5, part):
            if sure:
                likely[part, columns] = True
                all_of_them = (part.stop - part.start) * (columns.stop - columns.start)
                shared, together = shared + all_of_them, together + all_of_them
                continue
            first, second = (one.rows(part, columns)[..., 0] for one in maps)
            one, two = first > 0.5, second > 0.5
            np.greater(first + second, 1, out=likely[part, columns])
            shared += int(np.count_nonzero(one & two))
            together += int(np.count_nonzero(one | two))
    confidence = shared / max(together, 1)
    mask = at_size(likely, shape) if confidence >= UNSURE else where_above(own, 0.5, shape) | where_above(other, 0.5, shape)
    return _unless_speck(mask, confidence)


def _unless_speck(mask: BoolArray, confidence: float) -> Found | None:
    return Found(mask=mask, confidence=confidence, finder=NAME) if share_of(mask) >= SMALLEST_OBJECT else None

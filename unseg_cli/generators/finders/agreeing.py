"""Two finders that were trained apart: where they agree, both are mostly right; where they do not, a person should look."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unseg_cli.core.constants import BoolArray
from unseg_cli.generators.find import SMALLEST_OBJECT, UNSURE, Found, ObjectFinder, OwnFinder
from unseg_cli.generators.finders.salient import SalientObjects
from unseg_cli.generators.frame import own_part
from unseg_cli.generators.scenes import Scenes
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.protocols import NoiseGenerator
from unseg_cli.noise.field import Enlarged
from unseg_cli.pictures.channels import strips

NAME = "lite+u2netp"
#: Raise it when the same networks find other objects than before: it goes into fingerprints of protected pictures.
RULE = "1"


class AgreeingFinders:
    """The generator's own decoder and U2-Net-p.

    A detection's confidence is the overlap (IoU) of the two; see `combined` for its mask.

    Args:
        generator: one that finds objects.
        salient: U2-Net-p.

    Attributes:
        identity: see `ObjectFinder`: the rule below, and the weights of U2-Net-p.
    """

    name = NAME

    def __init__(self, generator: NoiseGenerator, salient: SalientObjects) -> None:
        self._generator, self._own, self._salient = generator, OwnFinder(generator), salient
        self.identity: str | None = f"{NAME}:{RULE}:{salient.sha256}"

    def find(self, scenes: Scenes, prompt: Prompt | None = None) -> list[Found | None]:
        """The salient object of every picture; of a prompt the generator's own decoder alone knows what it points at."""
        logits = None if prompt is not None else self._generator.detect(scenes.embedding)
        if logits is None:
            return self._own.find(scenes, prompt)
        return [
            combined(own_part(plane, image.shape[:2]).sigmoid().float().cpu(), self._salient.probability(image), image.shape[:2])
            for plane, image in zip(logits, scenes.images, strict=True)
        ]


def default_finder(generator: NoiseGenerator, device: torch.device) -> ObjectFinder:
    """What finds objects for a generator: two finders for one that finds salient objects, else its own decoder.

    A generator that was adapted to other objects knows them better than a network that never saw any, and weights that no file holds
    find nothing worth agreeing with.

    Raises:
        EnvironmentProblem: the second finder's weights are not there, or were changed.
    """
    source = generator.source
    if source is None or source.adapted or not generator.spec.finds_objects:
        return OwnFinder(generator)
    return AgreeingFinders(generator, SalientObjects(device))


def combined(own: Tensor, other: Tensor, shape: tuple[int, int]) -> Found | None:
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
    maps = [Enlarged(plane, shape) for plane in (own, other)]
    likely, either = np.empty(shape, np.bool_), np.empty(shape, np.bool_)
    shared = 0
    for part in strips(shape[0]):
        first, second = (one.rows(part)[..., 0] for one in maps)
        likely[part] = (first + second > 1).numpy()
        either[part] = ((first > 0.5) | (second > 0.5)).numpy()
        shared += int(((first > 0.5) & (second > 0.5)).sum())
    confidence = shared / max(int(either.sum()), 1)
    mask: BoolArray = likely if confidence >= UNSURE else either
    return Found(mask=mask, confidence=confidence, finder=NAME) if mask.mean() >= SMALLEST_OBJECT else None

"""What every metric can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from unseg_cli.bench.examples import Prediction, Target

if TYPE_CHECKING:
    from typing_extensions import Self

#: In the name of a score: what comes before it is the score, what comes after it the class that it is of.
OF_CLASS = "/"


class Metric(Protocol):
    """Collects pictures one by one, then says how well they were predicted."""

    def update(self, prediction: Prediction, target: Target) -> None:
        """Count one more picture."""
        ...

    def merge(self, other: Self) -> None:
        """Count what another one of this kind and these classes has counted; the order of pictures is mine first."""
        ...

    def compute(self) -> dict[str, float]:
        """Scores in percent, by name.

        That of one class is called "iou/Car"; classes that do not occur have none. "iou_per_picture" is the mean over pictures of what
        "iou" is over all pixels.
        """
        ...


#: From the names of the classes, in the order of their labels.
MetricFactory = Callable[[Sequence[str]], Metric]

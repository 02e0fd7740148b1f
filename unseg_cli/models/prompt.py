"""What points the generator at an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A batch of prompts, each optional, in the frame of the square network input of side S.

    Attributes:
        mask: (B, 1, h, w) float in [0, 1]; any size, it is resampled to what the prompt encoder takes.
        boxes: (B, 4) float, x0, y0, x1, y1 in pixels of the S x S input.
        points: (B, N, 2) float, x, y in pixels of the S x S input.
        point_labels: (B, N) float, 1 = on the object, 0 = outside it; None: all 1.
    """

    mask: Tensor | None = None
    boxes: Tensor | None = None
    points: Tensor | None = None
    point_labels: Tensor | None = None

    @property
    def empty(self) -> bool:
        """True where nothing points at anything: the generator has to find the object itself."""
        return self.mask is None and self.boxes is None and self.points is None

"""What victims are trained on and judged by: the truth of a picture, what a victim says of it, and batches of pictures with their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from unseg_cli.core.constants import IGNORE


@dataclass(frozen=True, kw_only=True)
class Segments:
    """The objects of a picture, or the objects and areas that it is divided into.

    Attributes:
        masks: (N, H, W) bool; none is empty.
        classes: (N,) int64 in [0, classes).
        crowd: (N,) bool: a group of objects that nobody told apart. Nothing is learnt from it, and who finds it has done no wrong.
    """

    masks: Tensor
    classes: Tensor
    crowd: Tensor

    @classmethod
    def of(cls, masks: Tensor, classes: Tensor, crowd: Tensor | None = None) -> Segments:
        """Those of which something is to be seen."""
        seen = masks.flatten(1).any(1)
        crowd = torch.zeros_like(classes, dtype=torch.bool) if crowd is None else crowd
        return cls(masks=masks[seen], classes=classes[seen], crowd=crowd[seen])

    @classmethod
    def none(cls, size: tuple[int, int]) -> Segments:
        """No objects in a picture of (height, width)."""
        empty = torch.zeros(0, dtype=torch.int64)
        return cls(masks=torch.zeros(0, *size, dtype=torch.bool), classes=empty, crowd=empty.bool())

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def boxes(self) -> Tensor:
        """(N, 4) float32: left, top, right and bottom; the last two are behind the last pixel."""
        return boxes_around(self.masks)

    @property
    def single(self) -> Segments:
        """Without crowds."""
        return self.chosen(~self.crowd)

    def chosen(self, which: Tensor) -> Segments:
        """Some of them, in this order."""
        return Segments(masks=self.masks[which], classes=self.classes[which], crowd=self.crowd[which])

    def to(self, device: torch.device) -> Segments:
        """On another device."""
        return Segments(masks=self.masks.to(device), classes=self.classes.to(device), crowd=self.crowd.to(device))


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be predicted of one picture. A task that needs more than these adds a field.

    Attributes:
        labels: (H, W) uint8 classes in [0, classes); 255 = void.
        segments: for tasks that tell objects apart; None: for others.
    """

    labels: Tensor
    segments: Segments | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.labels.shape[0], self.labels.shape[1]

    def resized(self, size: tuple[int, int], box: tuple[int, int, int, int] | None = None) -> Target:
        """The same, or the part of it in a box (left, top, right, bottom), at (height, width): every pixel takes the nearest class."""
        left, top, right, bottom = box or (0, 0, self.size[1], self.size[0])
        rows, columns = _nearest(top, bottom, self.size[0], size[0]), _nearest(left, right, self.size[1], size[1])
        segments = self.segments
        if segments is not None:
            segments = Segments.of(segments.masks[:, rows][:, :, columns], segments.classes, segments.crowd)
        return Target(labels=self.labels[rows][:, columns], segments=segments)

    def moved(self, grid: Tensor, inside: Tensor) -> Target:
        """As seen through a grid of places in it.

        Args:
            grid: (H, W, 2), see `torch.nn.functional.grid_sample`.
            inside: (H, W) bool: where a place lies in the picture; elsewhere is void and no object.
        """
        planes = [self.labels[None]] if self.segments is None else [self.labels[None], self.segments.masks.to(self.labels)]
        found = F.grid_sample(torch.cat(planes)[None].float(), grid[None], mode="nearest", padding_mode="border", align_corners=False)[0]
        labels, segments = found[0].to(torch.uint8).where(inside, IGNORE), self.segments
        if segments is not None:
            segments = Segments.of((found[1:] > 0) & inside, segments.classes, segments.crowd)
        return Target(labels=labels, segments=segments)

    def pasted(self, other: Target, rows: slice, columns: slice) -> Target:
        """With a rectangle of another target of its size pasted in, as far as each object is to be seen."""
        labels, segments = self.labels.clone(), self.segments
        labels[rows, columns] = other.labels[rows, columns]
        if segments is not None and other.segments is not None:
            below, above = segments.masks.clone(), torch.zeros_like(other.segments.masks)
            below[:, rows, columns] = False
            above[:, rows, columns] = other.segments.masks[:, rows, columns]
            parts = (segments, other.segments)
            segments = Segments.of(
                torch.cat([below, above]), torch.cat([part.classes for part in parts]), torch.cat([part.crowd for part in parts])
            )
        return Target(labels=labels, segments=segments)

    def to(self, device: torch.device) -> Target:
        """On another device."""
        return Target(labels=self.labels.to(device), segments=None if self.segments is None else self.segments.to(device))


@dataclass(frozen=True, kw_only=True)
class Found:
    """Objects that a victim found in a picture, or outlined where it was pointed at.

    Attributes:
        boxes: (N, 4) float: left, top, right and bottom in pixels.
        classes: (N,) int64.
        scores: (N,) float in [0, 1]: how sure it is.
        masks: (N, H, W) bool; None where a victim says boxes alone.
    """

    boxes: Tensor
    classes: Tensor
    scores: Tensor
    masks: Tensor | None = None

    def to(self, device: torch.device) -> Found:
        """On another device."""
        masks = None if self.masks is None else self.masks.to(device)
        return Found(boxes=self.boxes.to(device), classes=self.classes.to(device), scores=self.scores.to(device), masks=masks)


#: Score from which on an object is shown in a label map.
SURE = 0.5


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a victim says of one picture, of the same size.

    Attributes:
        labels: (H, W) uint8 classes in [0, classes).
        found: of tasks whose objects are found one by one.
        panoptic: (H, W, 2) int64, of tasks that divide the picture: the class of each pixel, 255 where none is said, and a number that
            tells the segments of a class apart.
    """

    labels: Tensor
    found: Found | None = None
    panoptic: Tensor | None = None

    @classmethod
    def of(cls, found: Found, size: tuple[int, int]) -> Prediction:
        """Objects, with a label map of (height, width) to look at: those of a score of at least `SURE`, the surest on top."""
        labels = torch.zeros(size, dtype=torch.uint8, device=found.scores.device)
        for place in reversed(found.scores.argsort(descending=True).tolist()):
            if found.scores[place] >= SURE:
                left, top, right, bottom = found.boxes[place].round().int().tolist()
                where = found.masks[place] if found.masks is not None else (slice(top, bottom), slice(left, right))
                labels[where] = found.classes[place].to(torch.uint8)
        return cls(labels=labels, found=found)

    def cpu(self) -> Prediction:
        """The same on the CPU."""
        device = torch.device("cpu")
        return replace(
            self,
            labels=self.labels.cpu(),
            found=None if self.found is None else self.found.to(device),
            panoptic=None if self.panoptic is None else self.panoptic.cpu(),
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A few pictures with their truth, as victims see them.

    Attributes:
        images: (B, 3, H, W) float32 in [0, 1], channels last, on the victim's device; H and W are multiples of 32.
        targets: of each picture, of the size H x W, on the same device.
    """

    images: Tensor
    targets: tuple[Target, ...]

    def in_parts(self, count: int) -> list[Batch]:
        """The same in `count` parts of nearly equal size."""
        bounds = [len(self.targets) * k // count for k in range(count + 1)]
        return [Batch(images=self.images[a:b], targets=self.targets[a:b]) for a, b in pairwise(bounds) if b > a]

    @property
    def labels(self) -> Tensor:
        """(B, H, W) int64: the label maps of the targets."""
        return torch.stack([target.labels for target in self.targets]).long()

    @property
    def objects(self) -> list[Segments]:
        """The segments of the targets, without crowds."""
        found = [target.segments for target in self.targets]
        return [one.single for one in found if one is not None]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Pictures with their truth at the training size, in memory or mapped from disk.

    Attributes:
        images: (N, 3, H, W) uint8, channels last.
        targets: of each picture, of the size H x W.
    """

    images: Tensor
    targets: Sequence[Target]

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> Examples:
        """The first `count` of them."""
        return Examples(images=self.images[:count], targets=[self.targets[place] for place in range(min(count, len(self.images)))])


def boxes_around(masks: Tensor) -> Tensor:
    """(N, H, W) bool, none empty -> (N, 4) float32: left, top, right and bottom, the last two behind the last pixel."""
    found = []
    for axis in (1, 2):  # columns that hold something, then rows
        line = masks.any(axis).int()
        found += [line.argmax(1), line.shape[1] - line.flip(1).argmax(1)]
    left, right, top, bottom = found
    return torch.stack([left, top, right, bottom], 1).float()


def _nearest(start: int, stop: int, length: int, count: int) -> Tensor:
    """Of `count` equal parts of [start, stop) of a line, the pixel that stands for each: Pillow's choice, as for the pictures."""
    line = Image.fromarray(np.arange(length, dtype=np.int32)[None])
    return torch.from_numpy(np.array(line.resize((count, 1), Image.Resampling.NEAREST, box=(start, 0, stop, 1)))[0]).long()

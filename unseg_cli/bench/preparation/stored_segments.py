"""Segments of prepared pictures on disk: masks as run lengths, since every object of a picture has one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseg_cli.bench.examples import Segments, Target


class SegmentRows:
    """The segments of some pictures, put in by any thread and in any order.

    Args:
        count: how many pictures there are.
    """

    def __init__(self, count: int) -> None:
        self._rows: list[tuple[list[bytes], Tensor, Tensor] | None] = [None] * count

    def fill(self, row: int, segments: Segments) -> None:
        """Take those of one picture."""
        from pycocotools import mask as coco_mask

        encoded = [coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"] for mask in segments.masks.numpy()]
        self._rows[row] = encoded, segments.classes, segments.crowd

    def write(self, path: Path) -> None:
        """Write all of them; every picture has been filled."""
        rows = [row for row in self._rows if row is not None]
        assert len(rows) == len(self._rows), "a picture without segments has an empty row"
        encoded = [one for several, _, _ in rows for one in several]
        with path.open("wb") as file:
            np.savez(
                file,
                data=np.frombuffer(b"".join(encoded), np.uint8),
                ends=np.cumsum([len(one) for one in encoded], dtype=np.int64),
                pictures=np.cumsum([len(several) for several, _, _ in rows], dtype=np.int64),
                classes=torch.cat([classes for _, classes, _ in rows]).numpy(),
                crowd=torch.cat([crowd for _, _, crowd in rows]).numpy(),
            )


class StoredTargets(Sequence[Target]):
    """Label maps with the segments that `SegmentRows` wrote; masks are decoded when a picture is asked for.

    Args:
        labels: (N, H, W) uint8.
        path: of the segments.
    """

    def __init__(self, labels: Tensor, path: Path) -> None:
        self._labels = labels
        with np.load(path) as arrays:
            self._arrays: dict[str, npt.NDArray[np.generic]] = dict(arrays)

    def __len__(self) -> int:
        return len(self._labels)

    @overload
    def __getitem__(self, place: int) -> Target: ...

    @overload
    def __getitem__(self, place: slice) -> list[Target]: ...

    def __getitem__(self, place: int | slice) -> Target | list[Target]:
        if isinstance(place, slice):
            return [self._target(number) for number in range(*place.indices(len(self)))]
        return self._target(range(len(self))[place])

    def _target(self, number: int) -> Target:
        from pycocotools import mask as coco_mask

        arrays, size = self._arrays, (int(self._labels.shape[1]), int(self._labels.shape[2]))
        part = slice(_end(arrays["pictures"], number - 1), _end(arrays["pictures"], number))
        masks = torch.zeros(part.stop - part.start, *size, dtype=torch.bool)
        for row, item in enumerate(range(part.start, part.stop)):
            counts = arrays["data"][_end(arrays["ends"], item - 1) : _end(arrays["ends"], item)].tobytes()
            masks[row] = torch.from_numpy(coco_mask.decode({"size": list(size), "counts": counts}).astype(np.bool_))
        classes, crowd = (torch.from_numpy(arrays[name][part]) for name in ("classes", "crowd"))
        return Target(labels=self._labels[number], segments=Segments(masks=masks, classes=classes, crowd=crowd))


def _end(ends: npt.NDArray[np.generic], place: int) -> int:
    return int(ends[place]) if place >= 0 else 0

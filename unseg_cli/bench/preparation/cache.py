"""Prepared pictures on disk, from where they are mapped into memory.

Every condition, under every countermeasure, at every size: in memory that would be a copy of the data set for each. A file is named by a
hash of what its pictures depend on, and gets its name when it is whole, so that a run which was interrupted finds it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unseg_cli.bench.conditions import Condition
from unseg_cli.bench.examples import Examples, Target
from unseg_cli.bench.grid import DataRecipe, NoiseRecipe, PictureSet, Size, digest
from unseg_cli.bench.preparation.minimised import SIDE
from unseg_cli.bench.preparation.stored_segments import SegmentRows, StoredTargets


class PictureCache:
    """The files of a run's prepared pictures.

    Args:
        folder: made when the first file is written.
        data, noise: what the pictures depend on; another recipe finds other files.
    """

    def __init__(self, folder: Path, *, data: DataRecipe, noise: NoiseRecipe) -> None:
        self.folder, self.data, self.noise = folder, data, noise

    def train(self, pictures: PictureSet) -> Path:
        """(N, H, W, 3): the training pictures of a set."""
        recipe = [] if pictures.condition.clean else [asdict(self.noise), asdict(pictures.condition)]
        return self._file(f"train-{pictures.condition.name}-{pictures.countermeasure}", pictures.size, recipe)

    def test(self, countermeasure: str, size: Size) -> Path:
        """(M, H, W, 3): the test pictures, clean but for this countermeasure ("none": for no countermeasure)."""
        return self._file(f"test-{countermeasure}", size)

    def labels(self, split: str, size: Size, countermeasure: str = "none") -> Path:
        """(N or M, H, W): the label maps of a split, "train" or "test", as one that moves them ("none": no countermeasure) leaves them."""
        return self._file(f"labels-{split}-{countermeasure}", size)

    def minimised(self, condition: Condition) -> Path:
        """(N, 3, S, S) int8: the noise of a condition that is found for each picture."""
        return self._file(f"noise-{condition.name}", (SIDE, SIDE), [asdict(self.noise), asdict(condition)])

    def _file(self, name: str, size: Size, recipe: Any = ()) -> Path:
        return self.folder / f"{name}-{size[0]}x{size[1]}-{digest([asdict(self.data), recipe])}.npy"


def open_examples(images: Path, labels: Path) -> Examples:
    """Map pictures and label maps that `RowFiles` wrote, with their segments where there are any: nothing is read before it is used."""
    pictures = torch.from_numpy(np.load(images, mmap_mode="c")).permute(0, 3, 1, 2)  # their memory is channels last already
    maps, segments = torch.from_numpy(np.load(labels, mmap_mode="c")), segments_beside(labels)
    targets = StoredTargets(maps, segments) if segments.exists() else [Target(labels=label) for label in maps]
    return Examples(images=pictures, targets=targets)


def segments_beside(labels: Path) -> Path:
    """Where the segments lie that belong to label maps."""
    return labels.with_suffix(".segments.npz")


class RowFiles:
    """Files of uint8 arrays that are filled row by row, by any thread, and get their names on leaving, when all are whole.

    Args:
        shapes: of every file; the first number is that of its rows.
        divided: those of label maps that have segments beside them.
    """

    def __init__(self, shapes: Mapping[Path, tuple[int, ...]], divided: Iterable[Path] = ()) -> None:
        self._shapes = dict(shapes)
        self._segments = {path: SegmentRows(self._shapes[path][0]) for path in divided}
        self._open: dict[Path, npt.NDArray[np.uint8]] = {}

    def __enter__(self) -> RowFiles:
        for path, shape in self._shapes.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[path] = np.lib.format.open_memmap(_part(path), mode="w+", dtype=np.uint8, shape=shape)
        return self

    def fill(self, path: Path, row: int, values: npt.NDArray[np.uint8]) -> None:
        """Write one row of one file."""
        self._open[path][row] = values

    def fill_target(self, path: Path, row: int, target: Target) -> None:
        """Write the label map of a target, and beside it its segments."""
        self.fill(path, row, target.labels.numpy())
        if path in self._segments:
            assert target.segments is not None
            self._segments[path].fill(row, target.segments)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._open.clear()  # closes the files, their content goes to disk
        for labels, segments in self._segments.items() if kind is None else ():
            beside = segments_beside(labels)
            segments.write(_part(beside))
            _part(beside).replace(beside)  # before the label maps: where those are, segments are, too
        for path in self._shapes:
            if kind is None:
                _part(path).replace(path)
            else:
                _part(path).unlink(missing_ok=True)


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")

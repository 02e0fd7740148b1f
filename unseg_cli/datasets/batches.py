"""Training batches: the sources named by `--data`, shuffled and augmented so that step N is the same in every run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.augment import SCALES, augment
from unseg_cli.datasets.sources import CocoSource, FolderSource, Sa1bSource, Source, SyntheticSource, TarSource


@dataclass(frozen=True)
class Batch:
    """image (B, 3, S, S) in [0, 1]; mask (B, 1, S, S) of 0 and 1; salient (B,) bool."""

    image: Tensor
    mask: Tensor
    salient: Tensor


def open_sources(text: str) -> list[Source]:
    """Read `--data`: comma-separated kinds, see `unseg train --help`.

    Raises:
        UsageProblem: nothing usable there.
    """
    return [source for part in text.split(",") for source in _open(part.strip())]


def _open(text: str) -> list[Source]:
    if text == "synthetic":
        return [SyntheticSource()]
    kind, _, rest = text.partition(":")
    if kind == "wds":
        return [TarSource(_glob(rest))]
    if kind == "sa1b":
        return [Sa1bSource(_folder(rest))]
    if kind == "hqseg44k":
        return _hqseg44k(_folder(rest))
    if kind == "coco":
        images, _, annotations = rest.rpartition(":")
        if not (images and Path(annotations).is_file()):
            raise UsageProblem(f"--data {text}: no such annotations", hint="write coco:IMAGES:instances.json")
        return [CocoSource(_folder(images), Path(annotations))]
    return _by_content(_named_or_path(text))


def _named_or_path(text: str) -> Path:
    path = Path(text).expanduser()
    if path.is_dir():
        return path
    home = os.environ.get("UNSEG_DATA")
    if os.sep not in text and home:
        path = Path(home).expanduser() / text
        if path.is_dir():
            return path
        raise UsageProblem(f"--data {text}: no folder {path}", hint="put the data there, or give a path")
    raise UsageProblem(f"--data {text}: no such folder", hint=f"set UNSEG_DATA to the folder that holds {text}, or give a path")


def _by_content(root: Path) -> list[Source]:
    """The kind of a folder, read from what is inside."""
    if (root / "images").is_dir() and (root / "masks").is_dir():
        train = root / "images" / "train"
        if train.is_dir():  # test splits stay unseen
            return [FolderSource(train, root / "masks" / "train")]
        return [FolderSource(root / "images", root / "masks")]
    if next(root.rglob("sa_*.json"), None):
        return [Sa1bSource(root)]
    if shards := sorted(root.glob("*.tar")):
        return [TarSource(shards)]
    raise UsageProblem(f"{root} holds no training data", hint="images/ and masks/, sa_*.jpg with sa_*.json, or *.tar shards are understood")


def _hqseg44k(root: Path) -> list[Source]:
    """HQSeg-44K's training sets: every folder below `root` that holds pictures and masks side by side, or in im/ and gt/."""
    sources: list[Source] = []
    for folder in sorted(path for path in [root, *root.rglob("*")] if path.is_dir()):
        if (folder / "im").is_dir() and (folder / "gt").is_dir():
            sources.append(FolderSource(folder / "im", folder / "gt"))
        elif folder.name not in ("im", "gt") and any(folder.glob("*.jpg")) and any(folder.glob("*.png")):
            sources.append(FolderSource(folder, folder, image_suffixes=frozenset({".jpg"}), mask_suffixes=frozenset({".png"})))
    if not sources:
        raise UsageProblem(f"{root} holds no HQSeg-44K set", hint="sets are folders of NAME.jpg + NAME.png, or im/ + gt/")
    return sources


def _folder(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_dir():
        raise UsageProblem(f"--data: no folder {path}", hint="check the path")
    return path


def _glob(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    anchor = Path(path.anchor) if path.is_absolute() else Path()
    found = sorted(anchor.glob(str(path.relative_to(anchor))))
    if not found:
        raise UsageProblem(f"--data wds:{pattern}: no file matches", hint="quote the pattern, so that the shell leaves it alone")
    return found


class _Slots(Dataset[tuple[Tensor, Tensor, bool]]):
    """Item n is the n-th training picture ever seen: its source, crop and flip depend on (seed, n) alone.

    So a resumed run sees what an uninterrupted one would have, whatever the number of workers.
    """

    def __init__(self, sources: list[Source], *, size: int, seed: int, start: int, stop: int, scales: tuple[float, float]) -> None:
        self.sources, self.size, self.seed = sources, size, seed
        self.start, self.stop, self.scales = start, stop, scales
        self.ends = np.cumsum([len(source) for source in sources])

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor, bool]:
        slot = self.start + item
        epoch, place = divmod(slot, int(self.ends[-1]))
        index = int(_order(self.seed, epoch, int(self.ends[-1]))[place])
        which = int(np.searchsorted(self.ends, index, side="right"))
        rng = np.random.default_rng((self.seed, slot))
        pair = self.sources[which].read(index - int(self.ends[which] - len(self.sources[which])), rng)
        image, mask = augment(pair.image, pair.mask, self.size, rng, scales=self.scales)
        return image, mask, pair.salient


_orders: dict[tuple[int, int, int], np.ndarray] = {}


def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    key = (seed, epoch, count)
    if key not in _orders:
        _orders.clear()
        _orders[key] = np.random.default_rng((seed, 7, epoch)).permutation(count)
    return _orders[key]


def pictures_in(sources: list[Source]) -> int:
    """Pictures an epoch has."""
    return sum(len(source) for source in sources)


def batches(
    sources: list[Source],
    *,
    size: int,
    batch_size: int,
    seed: int,
    start_step: int,
    stop_step: int,
    workers: int,
    scales: tuple[float, float] = SCALES,
) -> Iterator[Batch]:
    """The batches of steps start_step to stop_step - 1, each picture at a random scale of this range."""
    slots = _Slots(sources, size=size, seed=seed, start=start_step * batch_size, stop=stop_step * batch_size, scales=scales)
    # An own generator: the loader draws its base seed from it, and must leave the run's random stream alone.
    loader = DataLoader(slots, batch_size=batch_size, num_workers=workers, shuffle=False, generator=torch.Generator().manual_seed(seed))
    for image, mask, salient in loader:
        yield Batch(image, mask, salient)

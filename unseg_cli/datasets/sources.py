"""Where training pairs come from: folders, tar shards, SA-1B, COCO. Each source reads one pair at a time, by index."""

from __future__ import annotations

import io
import json
import tarfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.datasets.synthetic import synthetic_pairs

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class Pair:
    """One training pair.

    Attributes:
        image: (H, W, 3) uint8.
        mask: (H, W) bool; empty where the picture has no object.
        salient: the mask is THE object of the picture, so that a prompt-free prediction may be judged by it; False: one of many.
    """

    image: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]
    salient: bool


class Source(Protocol):
    """Pairs by index; `rng` picks one of a picture's many segments where there are several."""

    def __len__(self) -> int: ...

    def read(self, index: int, rng: np.random.Generator) -> Pair:
        """The pair at `index`."""
        ...


class FolderSource:
    """Pictures and masks in two trees, paired by relative stem."""

    def __init__(
        self, images: Path, masks: Path, *, image_suffixes: frozenset[str] = PICTURES, mask_suffixes: frozenset[str] = PICTURES
    ) -> None:
        by_stem = {path.relative_to(masks).with_suffix(""): path for path in _pictures(masks, mask_suffixes)}
        stems = ((path, path.relative_to(images).with_suffix("")) for path in _pictures(images, image_suffixes))
        self.pairs = [(path, by_stem[stem]) for path, stem in stems if stem in by_stem]
        if not self.pairs:
            raise UsageProblem(f"no picture under {images} has a mask of the same name under {masks}", hint="masks pair by file stem")

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int, rng: np.random.Generator) -> Pair:
        """The pair at `index`."""
        image, mask = self.pairs[index]
        return _binary_pair(image.read_bytes(), mask.read_bytes(), str(image))


class TarSource:
    """WebDataset shards (`KEY.webp` + `KEY.png` in one tar), read by offset, without unpacking."""

    def __init__(self, shards: list[Path]) -> None:
        self.members: list[tuple[Path, tuple[int, int], tuple[int, int]]] = []
        for shard in shards:
            parts: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
            with tarfile.open(shard) as tar:
                for member in tar:
                    stem, _, extension = member.name.rpartition(".")
                    parts[stem]["mask" if extension == "png" else "image"] = (member.offset_data, member.size)
            self.members += [(shard, found["image"], found["mask"]) for _, found in sorted(parts.items()) if len(found) == 2]
        if not self.members:
            raise UsageProblem(f"{shards[0]} holds no picture with a mask", hint="shards hold KEY.webp or KEY.jpg beside KEY.png")

    def __len__(self) -> int:
        return len(self.members)

    def read(self, index: int, rng: np.random.Generator) -> Pair:
        """The pair at `index`."""
        shard, image, mask = self.members[index]
        with shard.open("rb") as file:
            return _binary_pair(_slice(file, image), _slice(file, mask), f"{shard.name}[{index}]")


class Sa1bSource:
    """SA-1B: `sa_*.jpg` beside `sa_*.json` with COCO RLE masks; one random segment a read."""

    def __init__(self, root: Path) -> None:
        self.files = [path for path in sorted(root.rglob("sa_*.jpg")) if path.with_suffix(".json").exists()]
        if not self.files:
            raise UsageProblem(f"no sa_*.jpg with its sa_*.json under {root}", hint="unpack a shard of SA-1B there")

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int, rng: np.random.Generator) -> Pair:
        """A random segment of picture `index`, large ones more often: a training crop shrinks small ones to nothing."""
        from pycocotools import mask as coco_mask

        path = self.files[index]
        annotations = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["annotations"]
        areas = np.array([float(a["area"]) for a in annotations]) ** 0.5
        if not areas.sum() > 0:
            raise UnsegError(f"{path.with_suffix('.json')} holds no segment", hint="remove the picture or its annotation")
        chosen = annotations[int(rng.choice(len(annotations), p=areas / areas.sum()))]
        mask = coco_mask.decode(chosen["segmentation"]).astype(bool)
        return Pair(_decode_rgb(path.read_bytes(), str(path)), mask, salient=False)


class CocoSource:
    """COCO instances (`coco:IMAGES:JSON`): one random non-crowd instance a read."""

    def __init__(self, images: Path, annotations: Path) -> None:
        document: dict[str, Any] = json.loads(annotations.read_text(encoding="utf-8"))
        segments = defaultdict(list)
        for annotation in document["annotations"]:
            if not annotation.get("iscrowd", 0) and annotation.get("area", 1) > 0:
                segments[annotation["image_id"]].append(annotation["segmentation"])
        self.entries = [
            (images / i["file_name"], i["height"], i["width"], segments[i["id"]]) for i in document["images"] if segments[i["id"]]
        ]
        if not self.entries:
            raise UsageProblem(f"{annotations} names no instance", hint="give an instances_*.json")

    def __len__(self) -> int:
        return len(self.entries)

    def read(self, index: int, rng: np.random.Generator) -> Pair:
        """A random instance of picture `index`."""
        from pycocotools import mask as coco_mask

        path, height, width, segments = self.entries[index]
        segment = segments[int(rng.integers(len(segments)))]
        rle = coco_mask.merge(coco_mask.frPyObjects(segment, height, width)) if isinstance(segment, list) else segment
        if isinstance(rle, dict) and isinstance(rle["counts"], list):
            rle = coco_mask.frPyObjects(rle, height, width)
        return Pair(_decode_rgb(path.read_bytes(), str(path)), coco_mask.decode(rle).astype(bool), salient=False)


class SyntheticSource:
    """The pictures of `unseg_cli.datasets.synthetic`."""

    def __init__(self, count: int = 64, size: int = 96) -> None:
        self.pairs = synthetic_pairs(count, size, seed=0)

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int, rng: np.random.Generator) -> Pair:
        """The pair at `index`."""
        return Pair(*self.pairs[index], salient=True)


def _pictures(root: Path, suffixes: frozenset[str]) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file())


def _slice(file: Any, place: tuple[int, int]) -> bytes:
    file.seek(place[0])
    return bytes(file.read(place[1]))


def _decode_rgb(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    try:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    except Exception as problem:
        raise UnsegError(f"cannot read {name}: {problem}", hint="remove or replace the file") from problem


def _binary_pair(image: bytes, mask: bytes, name: str) -> Pair:
    """Gray masks are cut at half, label ids above zero."""
    picture = _decode_rgb(image, name)
    levels = np.asarray(Image.open(io.BytesIO(mask)).convert("L"))
    plane = levels > (127 if levels.max() > 127 else 0)
    if plane.shape != picture.shape[:2]:
        raise UnsegError(f"{name}: the mask is {plane.shape}, the picture {picture.shape[:2]}", hint="they must have the same size")
    return Pair(picture, plane, salient=True)

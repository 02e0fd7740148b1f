"""Small data sets of every kind, written to a folder."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from unseg_cli.datasets.kinds.synthetic import synthetic_pairs


def pairs(count: int, seed: int, *, void: bool = False) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures of 48 x 64 and masks of 0 and 255; with `void` label ids instead: objects of 1 and 2, and a border of 255."""
    made = []
    for i, (image, mask) in enumerate(synthetic_pairs(count, 64, seed)):
        values = mask.astype(np.uint8) * np.uint8(1 + i % 2 if void else 255)
        if void:
            values[:4] = 255
        made.append((image[8:56], np.concatenate([values[:4], values[12:56]])))
    return made


def write_folder(root: Path, count: int = 3, *, splits: tuple[str, ...] = ("train",), void: bool = False) -> Path:
    for number, split in enumerate(splits):
        for i, (image, mask) in reversed(list(enumerate(pairs(count, 3 + 10 * number, void=void)))):
            for name, array in (("images", image), ("masks", mask)):
                (root / name / split).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(root / name / split / f"p{i}.png")
    return root


def write_sa1b(root: Path, count: int = 3) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for i, (image, mask) in enumerate(synthetic_pairs(count, 48, seed=4)):
        rle = coco_mask.encode(np.asfortranarray(mask))
        rle["counts"] = rle["counts"].decode()
        annotation = {"segmentation": rle, "area": int(mask.sum()), "bbox": [0, 0, 48, 48], "id": i}
        Image.fromarray(image).save(root / f"sa_{i}.jpg")
        (root / f"sa_{i}.json").write_text(json.dumps({"image": {"file_name": f"sa_{i}.jpg"}, "annotations": [annotation]}))
    return root


def write_shard(path: Path, count: int = 3, *, void: bool = False) -> Path:
    with tarfile.open(path, "w") as tar:
        for i, (image, mask) in reversed(list(enumerate(pairs(count, 5, void=void)))):
            for extension, picture in (("webp", Image.fromarray(image)), ("png", Image.fromarray(mask))):
                buffer = io.BytesIO()
                picture.save(buffer, "WEBP" if extension == "webp" else "PNG")
                member = tarfile.TarInfo(f"key{i}.{extension}")
                member.size = buffer.tell()
                buffer.seek(0)
                tar.addfile(member, buffer)
    return path


def write_coco(root: Path, count: int = 1) -> str:
    """A polygon, an uncompressed encoding and a crowd in each picture; gives what is written after --data."""
    root.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for i, (image, mask) in enumerate(synthetic_pairs(count, 48, seed=6)):
        Image.fromarray(image).save(root / f"a{i}.jpg")
        images.append({"id": 7 + i, "file_name": f"a{i}.jpg", "height": 48, "width": 48})
        runs = _runs(mask)
        common: dict[str, Any] = {"image_id": 7 + i, "iscrowd": 0}
        square = [10, 10, 30, 10, 30, 30, 10, 30]
        annotations += [
            {**common, "id": 3 * i, "category_id": 1, "area": 400, "segmentation": [square], "bbox": [10, 10, 20, 20]},
            {**common, "id": 3 * i + 1, "category_id": 3, "area": int(mask.sum()), "segmentation": {"size": [48, 48], "counts": runs}},
            {
                **common,
                "id": 3 * i + 2,
                "category_id": 1,
                "area": 48 * 8,
                "iscrowd": 1,
                "segmentation": {"size": [48, 48], "counts": [0, 384, 1920]},
            },
        ]
    categories = [{"id": 3, "name": "blob"}, {"id": 1, "name": "square"}, {"id": 7, "name": "of which there is none"}]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances.json").write_text(json.dumps(document))
    return f"coco:{root}:{root / 'instances.json'}"


def write_labelled_coco(root: Path, train: int = 3, test: int = 2) -> str:
    """The same for benchmarks, in two splits."""
    parts = [write_coco(root / split, count).removeprefix("coco:") for split, count in (("train", train), ("val", test))]
    return f"coco:{':'.join(parts)}"


def _runs(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed run lengths: column by column, beginning with zeros."""
    flat = np.concatenate([[0], mask.ravel(order="F").astype(int), [0]])
    changes = np.flatnonzero(np.diff(flat))
    edges = np.concatenate([[0], changes, [mask.size]])
    runs = np.diff(edges)
    return [int(run) for run in runs] if runs[-1] else [int(run) for run in runs[:-1]]


def write_hqseg(root: Path, *, void: bool = False) -> Path:
    for i, (image, mask) in enumerate(pairs(4, 7, void=void)):
        im, gt = (root / "DIS5K" / "im", root / "DIS5K" / "gt") if i < 2 else (root / "ThinObject5K", root / "ThinObject5K")
        im.mkdir(parents=True, exist_ok=True)
        gt.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(im / f"{i}.jpg")
        Image.fromarray(mask).save(gt / f"{i}.png")
    return root

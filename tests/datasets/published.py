"""Miniatures of published data sets, in the layouts in which they are published."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.datasets.makers import write_coco
from unseg_cli.datasets.kinds.coco_layouts import LAYOUTS
from unseg_cli.datasets.kinds.synthetic import synthetic_pairs


def _pair(number: int, *, void: int | None = None, inside: int = 1, outside: int = 0) -> tuple[Image.Image, Image.Image]:
    ((image, mask),) = synthetic_pairs(number + 1, 48, seed=11)[number:]
    values = np.where(mask, inside, outside).astype(np.uint8)
    if void is not None:
        values[:4] = void
    return Image.fromarray(image), Image.fromarray(values)


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def write_voc(root: Path, *, augmented: bool = False) -> Path:
    """2 training pictures, 1 to test on; void is 255; with `augmented` 3 to train on."""
    home = root / "VOCdevkit" / "VOC2012"
    lists = home / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    names = ["2007_000032", "2007_000039", "2007_000063", "2008_000001"]
    for number, name in enumerate(names):
        image, mask = _pair(number, void=255, inside=1 + number)
        _save(image, home / "JPEGImages" / f"{name}.jpg")
        mask.putpalette([value for entry in range(256) for value in (entry, 255 - entry, entry)])
        _save(mask, home / ("SegmentationClass" if number < 3 else "SegmentationClassAug") / f"{name}.png")
        if augmented and number < 2:
            _save(mask, home / "SegmentationClassAug" / f"{name}.png")
    (lists / "train.txt").write_text("\n".join(names[:2]) + "\n")
    (lists / "val.txt").write_text(names[2] + "\n")
    if augmented:
        (lists / "train_aug.txt").write_text("\n".join([*names[:2], names[3]]) + "\n")
    return root / "VOCdevkit"


def write_ade20k(root: Path, *, names: bool = False) -> Path:
    home = root / "ADEChallengeData2016"
    for number, (split, name) in enumerate((("training", "ADE_train_1"), ("training", "ADE_train_2"), ("validation", "ADE_val_1"))):
        image, mask = _pair(number, void=0, inside=150, outside=3)
        _save(image, home / "images" / split / f"{name}.jpg")
        _save(mask, home / "annotations" / split / f"{name}.png")
    if names:
        lines = ["Idx\tRatio\tTrain\tVal\tStuff\tName", *(f"{n}\t0\t0\t0\t0\tname {n}, other" for n in range(1, 151))]
        (home / "objectInfo150.txt").write_text("\n".join(lines))
    return home


def write_cityscapes(root: Path) -> Path:
    """Each picture has a car, a group of cars in a corner, and road; the rest of the labels is void."""
    for number, (split, city) in enumerate((("train", "aachen"), ("train", "zurich"), ("val", "munster"))):
        image, mask = _pair(number, void=1, inside=26, outside=7)
        labels = np.array(mask)
        numbers = labels.astype(np.int32)
        numbers[labels == 26] = 26_000
        numbers[40:, 40:], labels[40:, 40:] = 26, 26
        begin = f"{city}_00000{number}_000019"
        _save(image, root / "leftImg8bit" / split / city / f"{begin}_leftImg8bit.png")
        _save(Image.fromarray(labels), root / "gtFine" / split / city / f"{begin}_gtFine_labelIds.png")
        _save(Image.fromarray(numbers.astype(np.uint16)), root / "gtFine" / split / city / f"{begin}_gtFine_instanceIds.png")
    return root


def write_kvasir(root: Path, count: int = 9) -> Path:
    for number in range(count):
        image, mask = _pair(number, inside=255)
        _save(image, root / "Kvasir-SEG" / "images" / f"c{number}.jpg")
        _save(mask, root / "Kvasir-SEG" / "masks" / f"c{number}.jpg")
    return root


def write_layout(kind: str, root: Path) -> Path:
    """A data set of `LAYOUTS`."""
    layout = LAYOUTS[kind]
    for split, (images, file) in enumerate(zip(layout.images, layout.annotations, strict=True)):
        made = root / "made" / str(split)
        write_coco(made, 2)
        document = json.loads((made / "instances.json").read_text())
        for entry in document["images"]:
            name = f"{split}-{entry['file_name']}"
            (root / images).mkdir(parents=True, exist_ok=True)
            (made / entry["file_name"]).rename(root / images / name)
            entry["file_name"] = name
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(json.dumps(document))
    return root


def write_camvid(root: Path) -> Path:
    """Regions of cars and poles on road, with classes.json."""
    for split, count in (("train", 2), ("test", 1)):
        for number in range(count):
            image, mask = _pair(number + 3 * (split == "test"), void=11, inside=2, outside=0)
            values = np.array(mask)
            values[30:36, 4:10], values[44, 44] = 1, 1
            _save(image, root / "images" / split / f"{number}.jpg")
            _save(Image.fromarray(values), root / "masks" / split / f"{number}.png")
    classes = [
        {"name": "Road"},
        {"name": "Car", "thing": True},
        {"name": "Pole", "thing": True},
        *({"name": f"c{n}"} for n in range(3, 11)),
    ]
    (root / "classes.json").write_text(json.dumps([*classes, {"name": "Void"}]))
    return root


def write_hqseg44k(root: Path) -> Path:
    """A picture for each set; masks of two regions, which are one object."""
    sets = [
        *(("DIS5K/DIS-TR/im", "DIS5K/DIS-TR/gt"), ("DIS5K/DIS-VD/im", "DIS5K/DIS-VD/gt")),
        *(("cascade_psp/DUTS-TR",) * 2, ("cascade_psp/ecssd",) * 2),
        ("thin_object_detection/COIFT/images", "thin_object_detection/COIFT/masks"),
        ("thin_object_detection/HRSOD/images", "thin_object_detection/HRSOD/masks_max255"),
        *(
            (f"thin_object_detection/ThinObject5K/images_{split}", f"thin_object_detection/ThinObject5K/masks_{split}")
            for split in ("train", "test")
        ),
    ]
    for number, (images, masks) in enumerate(sets):
        image, mask = _pair(number, inside=255)
        values = np.array(mask)
        values[40:46, :5] = 255
        _save(image, root / images / f"p{number}.jpg")
        _save(Image.fromarray(values), root / masks / f"p{number}.png")
    return root


def write_coco_panoptic(root: Path) -> str:
    """Sky and ground, a car each, and in every second picture a group of cars; two rows are void. What is written after the colon."""
    parts = []
    for split, count in (("train", 3), ("val", 2)):
        images, annotations = [], []
        for number in range(count):
            image, mask = _pair(number + 3 * (split == "val"))
            numbers = np.full((48, 48), 7_000_000, np.int32)
            numbers[24:] = 300
            numbers[np.array(mask) > 0] = 65_537
            segments = [
                {"id": 7_000_000, "category_id": 119, "iscrowd": 0},
                {"id": 300, "category_id": 200, "iscrowd": 0},
                {"id": 65_537, "category_id": 3, "iscrowd": 0},
            ]
            if number % 2:
                numbers[40:, 40:] = 12
                segments.append({"id": 12, "category_id": 3, "iscrowd": 1})
            numbers[:4] = 0
            colours = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65_536], -1).astype(np.uint8)
            _save(image, root / split / f"{number}.jpg")
            _save(Image.fromarray(colours), root / f"panoptic_{split}" / f"{number}.png")
            images.append({"id": 10 + number, "file_name": f"{number}.jpg", "height": 48, "width": 48})
            annotations.append({"image_id": 10 + number, "file_name": f"{number}.png", "segments_info": segments})
        names = ((3, "car", 1), (119, "sky", 0), (200, "ground", 0))
        categories = [{"id": number, "name": name, "isthing": thing} for number, name, thing in reversed(names)]
        file = root / f"panoptic_{split}.json"
        file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
        parts += [str(root / split), str(file), str(root / f"panoptic_{split}")]
    return ":".join(parts)

#!/usr/bin/env python3
"""A data set of objects that are easy to learn: pictures of animals, out of shards of salient objects.

    python scripts/make_easy_set.py /tmp/easy --shards ../shared/data/train/duts-0[2-5].tar
    unseg bench --victim unet --data /tmp/easy --conditions clean,protected,random

The easier the objects are without the noise, the less a model needs it, so that a set like this is where protection is hardest. A picture
is taken where an ImageNet classifier (EfficientNet-Lite0, of the package that `bench` starts its victims from) calls its object an animal,
and where that object is one connected piece, large, of a plain shape, and not cut off by the frame. Those it is surest of are taken, and
every so many of them is kept for the test.

The shipped generator learnt to detect objects in pictures of DUTS, these among them: what it detects here by itself says nothing. With true
masks (`--protect-masks gt`, the default) nothing of that is used, only its noise.

The same shards give the same set, as far as the classifier's numbers are the same on another machine; ROOT/keys.txt holds the choice, and
`--keys` takes it from there, without the classifier.
"""

from __future__ import annotations

import argparse
import math
import sys
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from scipy import ndimage

from unseg_cli.core.constants import BoolArray, U8Array
from unseg_cli.datasets.sample import SliceSource, read_image
from unseg_cli.models import imagenet

TRAIN, TEST = 260, 100
ANIMALS = 398  # ImageNet's classes 0 to 397: fish, birds, reptiles, insects, mammals
SIDE, BATCH = 224, 32
SUREST = 0.9  # least probability of any animal
PIECE = 0.97  # least share of the object that is one connected piece
AREA = (0.15, 0.60)  # of the picture
FILLED = 0.5  # least share of its bounding box that the object fills: no thin legs and tails
FRAME = 0.04  # largest share of the frame's edge that the object may lie on


@dataclass(frozen=True)
class Candidate:
    """A picture with its object: its key, the files of both, and how sure the classifier is that it is an animal, in [0, 1]."""

    key: str
    image: SliceSource
    mask: SliceSource
    animal: float = 0.0

    def read(self) -> tuple[U8Array, BoolArray]:
        """(H, W, 3) and (H, W)."""
        return read_image(self.image), read_image(self.mask)[..., 0] > 127


def is_easy(mask: BoolArray) -> bool:
    """Whether an object is one connected piece, large, of a plain shape, and not cut off by the frame."""
    pieces, count = ndimage.label(mask)
    if count == 0 or not AREA[0] <= mask.mean() <= AREA[1]:
        return False
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    box = np.ptp(np.argwhere(mask), axis=0) + 1
    plain = mask.sum() >= FILLED * box.prod() and edge.mean() <= FRAME
    return bool(plain and np.bincount(pieces.ravel())[1:].max() >= PIECE * mask.sum())


def cut_out(image: U8Array, mask: BoolArray) -> torch.Tensor:
    """The object with a tenth of its size around it, as a square of what the picture holds there, (3, SIDE, SIDE) in [-1, 1]."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    side = 1.2 * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)
    y, x = (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    box = (max(0.0, x - side / 2), max(0.0, y - side / 2), min(mask.shape[1], x + side / 2), min(mask.shape[0], y + side / 2))
    piece = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)
    return (torch.from_numpy(np.array(piece)).permute(2, 0, 1).float() / 255 - imagenet.MEAN) / imagenet.STD


def candidates(shards: Iterable[Path]) -> list[Candidate]:
    """All animals that are easy to see, in the order of the shards."""
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    imagenet.load_imagenet_lite0(network)
    easy = [one for one in pairs_in(shards) if is_easy(one.read()[1])]
    found: list[Candidate] = []
    for first in range(0, len(easy), BATCH):
        part = easy[first : first + BATCH]
        with torch.inference_mode():
            scores = network(torch.stack([cut_out(*one.read()) for one in part])).softmax(1)
        found += [replace(one, animal=score) for one, score in zip(part, scores[:, :ANIMALS].sum(1).tolist(), strict=True)]
    return [one for one in found if one.animal >= SUREST]


def pairs_in(shards: Iterable[Path]) -> list[Candidate]:
    """Every KEY.webp or KEY.jpg with its KEY.png, by key in each shard; nothing is decoded."""
    found = []
    for shard in shards:
        with tarfile.open(shard) as tar:
            files = {Path(member.name): SliceSource(shard, member.name, member.offset_data, member.size) for member in tar}
        masks = {path.stem: file for path, file in files.items() if path.suffix == ".png"}
        images = sorted(path for path in files if path.suffix != ".png" and path.stem in masks)
        found += [Candidate(key=path.stem, image=files[path], mask=masks[path.stem]) for path in images]
    return found


def chosen(found: list[Candidate], train: int, test: int) -> dict[str, list[Candidate]]:
    """The surest, split evenly: by key, so that neither split is the surer one."""
    surest = sorted(sorted(found, key=lambda one: (-one.animal, one.key))[: train + test], key=lambda one: one.key)
    for_test = {index * len(surest) // test for index in range(test)}
    return {
        "train": [one for index, one in enumerate(surest) if index not in for_test],
        "test": [one for index, one in enumerate(surest) if index in for_test],
    }


def write(root: Path, splits: dict[str, list[Candidate]]) -> None:
    """ROOT/images and ROOT/masks, files as they are in the shards, and ROOT/keys.txt."""
    for split, members in splits.items():
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for one in members:
            for kind, source in (("images", one.image), ("masks", one.mask)):
                (root / kind / split / source.path.name).write_bytes(source.data())
    lines = [f"{split} {one.key}\n" for split, members in splits.items() for one in members]
    (root / "keys.txt").write_text("".join(lines), encoding="utf-8")


def contact_sheet(root: Path, path: Path, side: int = 96) -> None:
    """All pictures of the set, outside of their object darker, training pictures first."""
    pairs = [(image, root / "masks" / image.parent.name / f"{image.stem}.png") for image in sorted(root.glob("images/t*/*"), reverse=True)]
    across = math.ceil(math.sqrt(len(pairs) * 1.6))
    sheet = Image.new("RGB", (across * side, math.ceil(len(pairs) / across) * side))
    for index, (image, mask) in enumerate(pairs):
        with Image.open(image) as picture, Image.open(mask) as where:
            tile, region = picture.convert("RGB").resize((side, side)), where.convert("L").resize((side, side))
        dark = tile.point(lambda level: level // 3)
        sheet.paste(Image.composite(tile, dark, region), (index % across * side, index // across * side))
    sheet.save(path)


def main(arguments: list[str] | None = None) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="folder to make, outside of the repository")
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="tar files of KEY.webp + KEY.png")
    parser.add_argument("--train", type=int, default=TRAIN)
    parser.add_argument("--test", type=int, default=TEST)
    parser.add_argument("--keys", type=Path, help="keys.txt of an earlier set, to make it again")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="also draw all of it, to be looked at")
    options = parser.parse_args(arguments)
    if options.root.exists():
        sys.exit(f"{options.root} is there already")
    if options.keys:
        lines = [line.split() for line in options.keys.read_text(encoding="utf-8").splitlines()]
        known = {one.key: one for one in pairs_in(options.shards)}
        missing = [key for _, key in lines if key not in known]
        if missing:
            sys.exit(f"{len(missing)} keys of {options.keys} are not in the shards, first {missing[0]}")
        splits = {name: [known[key] for split, key in lines if split == name] for name in ("train", "test")}
    else:
        found = candidates(options.shards)
        if len(found) < options.train + options.test:
            sys.exit(f"{len(found)} pictures are easy enough, not {options.train + options.test}: name more shards")
        print(f"{len(found)} pictures are easy enough")
        splits = chosen(found, options.train, options.test)
    write(options.root, splits)
    if options.sheet:
        contact_sheet(options.root, options.sheet)
    print(f"wrote {' and '.join(f'{len(members)} {split}' for split, members in splits.items())} pictures to {options.root}")


if __name__ == "__main__":
    main()

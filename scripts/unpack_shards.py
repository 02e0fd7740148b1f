#!/usr/bin/env python3
"""A data set for `unseg bench` of any size: training pictures from tar shards, test pictures from another data set.

    python scripts/unpack_shards.py ../shared/data/train runs/duts-1000 --pictures 1000 --test ../shared/data/ecssd
    unseg bench --victim unet --data runs/duts-1000 --task binary --conditions clean,protected

The pictures are spread evenly over the shards, in their order, so that a smaller set lies as thinly over the same pictures as a larger one.
"""

from __future__ import annotations

import argparse
import sys
import tarfile
from pathlib import Path

MASK = ".png"


def unpack(shards: Path, root: Path, pictures: int) -> int:
    """Write `pictures` pairs of the shards' pairs STEM.* + STEM.png to root/images/train and root/masks/train; gives how many there are."""
    found = []
    for shard in sorted(shards.glob("*.tar")):
        with tarfile.open(shard) as tar:
            names = tar.getnames()
        masks = {name for name in names if name.endswith(MASK)}
        pairs = [(name, Path(name).stem + MASK) for name in names if name not in masks]
        found += [(shard, image, mask) for image, mask in pairs if mask in masks]
    if len(found) < pictures:
        sys.exit(f"{shards} holds {len(found)} pairs of a picture and a mask, not {pictures}")
    chosen = [found[index * len(found) // pictures] for index in range(pictures)]
    for kind in ("images", "masks"):
        (root / kind / "train").mkdir(parents=True)
    for shard in dict.fromkeys(shard for shard, *_ in chosen):
        with tarfile.open(shard) as tar:
            for _, image, mask in (pair for pair in chosen if pair[0] == shard):
                for name, kind in ((image, "images"), (mask, "masks")):
                    member = tar.extractfile(name)
                    if member is None:
                        sys.exit(f"{name} in {shard} is not a file")
                    (root / kind / "train" / Path(name).name).write_bytes(member.read())
    return len(chosen)


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, help="folder of .tar files")
    parser.add_argument("root", type=Path, help="folder to make")
    parser.add_argument("--pictures", type=int, required=True, help="how many training pictures")
    parser.add_argument("--test", type=Path, required=True, help="data set whose test pictures are used (linked, not copied)")
    options = parser.parse_args()
    if options.root.exists():
        sys.exit(f"{options.root} is there already")
    written = unpack(options.shards, options.root, options.pictures)
    for kind in ("images", "masks"):
        (options.root / kind / "test").symlink_to((options.test / kind / "test").resolve(), target_is_directory=True)
    print(f"wrote {written} pictures and masks to {options.root}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A data set of the first training pictures of another, linked, not copied: the part that somebody has labelled already.

    python scripts/first_pictures.py ../shared/data/cvc_clinicdb runs/cvc-labelled --pictures 245
    unseg train --preset adapt --data runs/cvc-labelled --out runs/adapt-cvc

In order of their names, so that frames of one video stay together, and the rest shows other things than the part.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from unseg_cli.datasets.kinds.folder import file_pairs


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder images/{train,test} + masks/{train,test}")
    parser.add_argument("root", type=Path, help="folder to make")
    parser.add_argument("--pictures", type=int, required=True, help="how many")
    options = parser.parse_args()
    if options.root.exists():
        sys.exit(f"{options.root} is there already")
    pairs = file_pairs(options.data / "images" / "train", options.data / "masks" / "train")
    if not 0 < options.pictures <= len(pairs):
        sys.exit(f"{options.data} has {len(pairs)} training pictures, not {options.pictures}")
    chosen = pairs[: options.pictures]
    for kind, files in (("images", [pair.image for pair in chosen]), ("masks", [pair.mask for pair in chosen])):
        folder = options.root / kind / "train"
        folder.mkdir(parents=True)
        for file in files:
            (folder / file.name).symlink_to(file.resolve())
    print(f"linked {len(chosen)} pictures and masks in {options.root}")


if __name__ == "__main__":
    main()

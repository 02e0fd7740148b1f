"""WebDataset shards (`wds:GLOB.tar`): KEY.webp or KEY.jpg beside KEY.png in one tar, read by offset, without unpacking."""

from __future__ import annotations

import os
import tarfile
from collections import defaultdict
from functools import partial
from pathlib import Path

from unseg_cli.core.errors import UsageProblem
from unseg_cli.datasets.kinds.folder import masked_truth
from unseg_cli.datasets.mask_sets import LazyReading
from unseg_cli.datasets.sample import Sample, SliceSource
from unseg_cli.datasets.training_set import TrainingSet, objects


def open_shards(shards: list[Path]) -> TrainingSet:
    """All pairs of all shards; only the tar headers are read.

    Raises:
        UsageProblem: there is no pair.
    """
    found: list[tuple[str, SliceSource, SliceSource]] = []
    common = Path(os.path.commonpath([shard.parent for shard in shards]))
    for shard in shards:
        parts: dict[str, dict[str, SliceSource]] = defaultdict(dict)
        with tarfile.open(shard) as tar:
            for member in tar:
                key, _, extension = member.name.rpartition(".")
                parts[key]["mask" if extension == "png" else "image"] = SliceSource(shard, member.name, member.offset_data, member.size)
        name = shard.relative_to(common).with_suffix("").as_posix()
        found += [(f"{name}/{key}", part["image"], part["mask"]) for key, part in sorted(parts.items()) if len(part) == 2]
    if not found:
        raise UsageProblem(f"{shards[0]} holds no picture with a mask", hint="shards hold KEY.webp or KEY.jpg beside KEY.png")
    reading = LazyReading(tuple(mask for _, _, mask in found))
    samples = tuple(Sample(id=id, image=image, truth=partial(masked_truth, mask, reading.objects)) for id, image, mask in found)
    return TrainingSet(samples=samples, choose=objects, salient=True)

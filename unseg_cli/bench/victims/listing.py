"""What `unseg victims` says: which victims there are, what they are built on, and where its weights come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unseg_cli.bench.victims.registry import CONVOLUTIONAL, ENCODERS, VICTIMS, VictimEntry
from unseg_cli.bench.victims.speeds import minutes, parameters
from unseg_cli.core.events import Report


@dataclass(frozen=True)
class Source:
    """Where pretrained weights of an encoder come from.

    Attributes:
        text: for people.
        offline: whether they are here once the extra is installed.
    """

    text: str
    offline: bool = False


SOURCES = {
    **dict.fromkeys(CONVOLUTIONAL, Source("ImageNet: from the hub, or --encoder-weights FILE")),
    "lite0": Source("ImageNet: a package that comes with the extra; of sam, sam-hq and rsprompter: the shipped generator", offline=True),
    "vit_b": Source("Meta's SAM: `unseg weights fetch sam_vit_b`"),
}


def list_victims() -> Report:
    """All victims and their encoders.

    `minutes` are those of the first task on the first encoder, with 300 pictures to learn from and 100 to be tested on, on the processor
    that was measured. `offline` is whether pretrained weights of an encoder, or of a victim's first one, need no download.
    """
    encoders = [{"encoder": name, "pretrained_weights": SOURCES[name].text, "offline": SOURCES[name].offline} for name in ENCODERS]
    document = {"schema": 1, "command": "victims", "victims": [_row(entry) for entry in VICTIMS.values()], "encoders": encoders}
    return Report(document=document)


def _row(entry: VictimEntry) -> dict[str, Any]:
    task, schedule = next(iter(entry.schedules.items()))
    size, taken = parameters(entry.name, task), minutes(entry.name, task, schedule, train=300, test=100)
    return {
        "name": entry.name,
        "tasks": list(entry.tasks),
        "encoders": list(entry.encoders),
        "parameters_million": None if size is None else round(size / 1e6, 1),
        "minutes": None if taken is None else round(taken, 1),
        "offline": SOURCES[entry.encoders[0]].offline,
        "extra": f"unseg_cli[{entry.extra}]",
        "installed": not entry.missing,
        "description": entry.description,
    }

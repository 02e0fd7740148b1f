"""What `unseg victims` says of victims and of weights."""

from __future__ import annotations

import pytest

from unseg_cli.bench.victims.base import VictimSpec
from unseg_cli.bench.victims.encoders import asks_the_hub
from unseg_cli.bench.victims.listing import SOURCES, list_victims
from unseg_cli.bench.victims.registry import CONVOLUTIONAL, ENCODERS, VICTIMS


def test_every_victim_and_every_encoder_is_listed() -> None:
    document = list_victims().document
    assert [row["name"] for row in document["victims"]] == list(VICTIMS)
    assert [row["encoder"] for row in document["encoders"]] == list(ENCODERS)
    assert all(row["parameters_million"] > 0 and row["minutes"] > 0 for row in document["victims"])


def test_all_victims_work_offline_as_they_are() -> None:
    assert all(row["offline"] for row in list_victims().document["victims"])


@pytest.mark.parametrize("encoder", CONVOLUTIONAL)
def test_what_is_not_offline_is_asked_of_the_hub(encoder: str) -> None:
    spec = VictimSpec(task="binary", classes=("object",), pretrained=True, side=64, encoder=encoder)
    assert SOURCES[encoder].offline is not asks_the_hub(spec)

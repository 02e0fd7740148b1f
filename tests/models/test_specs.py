"""The shapes of the generators."""

from __future__ import annotations

import pytest
import torch

from unseg_cli.models.build import build_generator
from unseg_cli.models.specs import SPECS, GeneratorSpec


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_survives_json(name: str) -> None:
    assert GeneratorSpec.from_json(SPECS[name].to_json()) == SPECS[name]


def test_another_image_size_keeps_the_tiles_of_lite_and_the_cells_of_the_other() -> None:
    assert SPECS["lite"].at_size(64).noise_size == SPECS["lite"].noise_size
    assert SPECS["lite"].at_size(64).embed_size == 8
    assert SPECS["vit_b"].at_size(512).noise_size == 128
    assert SPECS["sam_lite"].at_size(128).noise_size == 64
    for spec in SPECS.values():
        assert spec.at_size(None) == spec.at_size(spec.image_size) == spec


def test_the_shipped_shape_is_within_its_limits() -> None:
    with torch.device("meta"):
        parameters = sum(p.numel() for p in build_generator("lite").parameters())
    assert parameters <= 15_000_000
    assert parameters * 2 <= 30_000_000, "float16 file"
    assert SPECS["lite"].image_size <= 512


def test_what_each_kind_can_do() -> None:
    assert (SPECS["lite"].finds_objects, SPECS["lite"].takes_sam_checkpoint) == (True, False)
    assert (SPECS["sam_lite"].finds_objects, SPECS["sam_lite"].takes_sam_checkpoint) == (False, False)
    assert (SPECS["vit_b"].finds_objects, SPECS["vit_b"].takes_sam_checkpoint) == (False, True)

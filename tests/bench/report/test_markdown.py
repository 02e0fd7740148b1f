"""A run as Markdown."""

from __future__ import annotations

import pytest

from tests.bench.report.conftest import document, run_document
from unseg_cli.bench.report.markdown import section
from unseg_cli.bench.report.text import data_name


def test_section_says_what_and_how() -> None:
    text = section(document(), run_document())
    assert "| unet | protected | none | pretrained | 1 | 21.0 ± 1.4 | 70.4 |" in text
    assert "| protected | 8 | 36.2 | 0.970 |" in text
    masks = "8/255 inside and 2/255 outside"
    expected = ("unseg bench --victim unet", "Seeds 0, 1", masks, "96x96 px, 8 epochs", "0123456789ab", "torch 2.9.0")
    for part in expected:
        assert part in text
    assert "FLIP" not in text  # nor do they say what an eye sees
    assert "smoke test" in section({**document(), "smoke_test": True}, run_document())
    assert "noise code" not in text  # runs of earlier versions do not say
    assert "noise code 7" in section(document(), run_document() | {"noise_code": "7"})
    seen = document()
    seen["noise"]["protected"] |= {"difference": 0.414, "difference_p95": 1.234, "flip": None, "difference_pictures": 20}
    text = section(seen, run_document())
    assert "| protected | 8 | 36.2 | 0.970 | 0.41 | 1.23 | - |" in text and "the first 20 pictures" in text
    elsewhere = run_document()
    elsewhere["settings"]["protected"] = "out"
    assert "what `unseg protect` had made of them, in out" in section(document(), elsewhere)


@pytest.mark.parametrize(
    ("data", "task", "name"),
    [
        ("../data/ecssd", "binary", "ecssd"),
        ("../data/ecssd", "interactive", "ecssd, interactive"),
        ("nwpu:/data/x", "instance", "nwpu, instance"),
        ("coco:d/nwpu_vhr10/images/train:d/nwpu_vhr10/a.json:d/v:d/nwpu_vhr10/b.json", "detection", "nwpu_vhr10, detection"),
        ("coco:train2017:coco/annotations/instances_train2017.json:v:b.json", "panoptic", "coco, panoptic"),
    ],
)
def test_data_sets_have_short_names(data: str, task: str, name: str) -> None:
    assert data_name(data, task) == name

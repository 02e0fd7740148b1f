"""How visible the noise is, of lines that were measured with the weights that ship."""

from __future__ import annotations

from typing import Any

from tests.bench.report.conftest import SHIPPED, Docs
from unseg_cli.bench.report.visible import LARGE_LINES, LINES, NOT_YET, large_pictures, visibility


def line(difference: float, p95: float, flip: float, **more: Any) -> dict[str, Any]:
    return {
        "file": "a.jpg", "generator_sha256": SHIPPED, "strength": "medium", "difference_mean": difference, "difference_p95": p95,
        "flip": flip, "linf_255": 4, "mask_source": "auto", **more,
    }  # fmt: skip


def test_without_lines_of_the_shipped_weights_nothing_is_measured(docs: Docs) -> None:
    assert visibility(docs.path).endswith(f"F: {NOT_YET}.")
    assert large_pictures(docs.path).endswith(f": {NOT_YET}.")
    docs.lines(LINES, line(0.3, 0.9, 0.08, generator_sha256="other"))
    assert visibility(docs.path).endswith(f"F: {NOT_YET}.")


def test_the_default_strength_is_judged_by_mean_worst_percentile_and_flip(docs: Docs) -> None:
    def last(*lines: dict[str, Any]) -> str:
        docs.lines(LINES, *lines)
        return visibility(docs.path).splitlines()[-1]

    assert last(line(0.3, 0.9, 0.08), line(0.5, 1.0, 0.1)) == "| medium | 2 | 0.40 | 0.50 | 1.00 | 0.090 | 0.100 | met |"
    assert last(line(0.41, 0.9, 0.08)).endswith("missed |")
    assert last(line(0.3, 0.5, 0.08), line(0.3, 1.1, 0.08)).endswith("missed |")
    assert last(line(0.3, 0.9, 0.095)).endswith("missed |")
    assert last(line(0.3, 0.9, 0.08), line(0.9, 2.0, 0.2, strength="high")) == "| high | 1 | 0.90 | 0.90 | 2.00 | 0.200 | 0.200 | - |"


def test_large_pictures_are_counted_by_strength_masks_and_the_size_that_they_are_trained_at(docs: Docs) -> None:
    common = {"generator_sha256": SHIPPED, "size": 512, "strength": "medium", "mask_source": "auto", "red_green": 2.0}
    one, other = {"file": "a.jpg", "width": 4000, "height": 3000}, {"file": "b.jpg", "width": 3000, "height": 4500}
    docs.lines(
        LARGE_LINES,
        common | one | {"way": "bilinear", "contrast": 0.5},
        common | one | {"way": "area", "contrast": 0.45},
        common | other | {"way": "bilinear", "contrast": 0.4, "red_green": 1.0},
        common | other | {"way": "area", "contrast": None},
        common | other | {"way": "area", "contrast": 0.9, "strength": "high"},
        common | other | {"way": "area", "contrast": 3.0, "mask_source": "file"},
        common | {"file": "a.jpg", "width": 800, "height": 600, "made": 800, "way": "area", "contrast": 9.0},
    )
    assert large_pictures(docs.path).splitlines()[-4:] == [
        "| medium | none | 1 | made 800 | 512 px | 2.00 | 2.00 | 9.00 | 9.00 |",
        "| medium | none | 2 | 4000 | 512 px | 1.75 | 1.00 | 0.45 | 0.40 |",
        "| medium | given | 1 | 4500 | 512 px | 2.00 | 2.00 | 3.00 | 3.00 |",
        "| high | none | 1 | 4500 | 512 px | 2.00 | 2.00 | 0.90 | 0.90 |",
    ]

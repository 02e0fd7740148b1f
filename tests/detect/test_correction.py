"""How points and boxes are typed."""

from __future__ import annotations

import pytest

from unseg_cli.core.errors import UsageProblem
from unseg_cli.detect.correction import Correction, parse_box, parse_point


def test_what_is_typed_is_read() -> None:
    assert parse_point("120, 80", "--point") == (120, 80)
    assert parse_box("0,0,1,1", "--box") == (0, 0, 1, 1)


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "-1,2", "1.5,2", "1,²"])
def test_what_is_no_point_is_named_with_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageProblem, match="--not-point") as caught:
        parse_point(text, "--not-point")
    assert "--not-point 120,80" in caught.value.hint


@pytest.mark.parametrize("text", ["1,2,3", "5,5,5,9", "9,9,1,1", "x"])
def test_what_is_no_box_is_named_with_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageProblem, match="--box") as caught:
        parse_box(text, "--box")
    assert "--box 10,20,200,150" in caught.value.hint


def test_the_whole_and_a_part_exclude_each_other() -> None:
    assert not Correction()
    assert Correction(whole=True)
    with pytest.raises(UsageProblem, match="exclude each other"):
        Correction(whole=True, box=(0, 0, 1, 1))


def test_a_pixel_is_on_the_object_or_is_not() -> None:
    with pytest.raises(UsageProblem, match="--point and --not-point both name 3,4"):
        Correction(points=((1, 2), (3, 4)), not_points=((3, 4), (9, 9)))

"""What an owner says about the object of one picture, in pixels of the picture as it is seen, and how that is typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unseg_cli.core.errors import UsageProblem

#: x, y: pixels from the left and from the top.
Point = tuple[int, int]
#: x0, y0, x1, y1: the corners; the last two are the first pixels outside.
Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Everything that is said about a picture at once; what was said about it before does not count any more.

    Attributes:
        points: on the object.
        not_points: not on the object. Where nothing else is said, they cut the mask that is there, or else what would be detected.
        box: around the object.
        whole: the whole picture is the object.

    Raises:
        UsageProblem: `whole` and something else, or a point that is on the object and is not.
    """

    points: tuple[Point, ...] = ()
    not_points: tuple[Point, ...] = ()
    box: Box | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        if self.whole and (self.points or self.not_points or self.box):
            raise UsageProblem("--whole and --point, --not-point or --box exclude each other", hint="pass --whole alone, or omit it")
        if both := set(self.points) & set(self.not_points):
            x, y = min(both)
            raise UsageProblem(f"--point and --not-point both name {x},{y}", hint="a pixel is on the object, or it is not")

    def __bool__(self) -> bool:
        return bool(self.points or self.not_points or self.box or self.whole)

    @property
    def flag(self) -> str:
        """One of the options that were typed, for messages."""
        if self.whole:
            return "--whole"
        return "--box" if self.box else "--point" if self.points else "--not-point"

    def check(self, size: tuple[int, int]) -> None:
        """Raise where something lies outside the picture.

        Args:
            size: (H, W) of the picture.

        Raises:
            UsageProblem: it does.
        """
        height, width = size
        hint = f"the picture is {width}x{height} pixels: x is from 0 to {width - 1}, y from 0 to {height - 1}"
        for flag, points in (("--point", self.points), ("--not-point", self.not_points)):
            for x, y in points:
                if x >= width or y >= height:
                    raise UsageProblem(f"{flag} {x},{y} lies outside the picture", hint=hint)
        if self.box is not None and (self.box[2] > width or self.box[3] > height):
            corners = ",".join(map(str, self.box))
            raise UsageProblem(
                f"--box {corners} reaches outside the picture",
                hint=f"the picture is {width}x{height} pixels: end the box there at the latest",
            )

    def document(self) -> str | dict[str, Any]:
        """As the file of detections keeps it."""
        if self.whole:
            return "whole"
        return {"points": self.points, "not_points": self.not_points, "box": self.box}


def parse_point(text: str, flag: str) -> Point:
    """Read '120,80'.

    Raises:
        UsageProblem: not two whole numbers from 0.
    """
    x, y = _numbers(text, flag, 2, f"write {flag} 120,80: pixels from the left and from the top of the upright picture")
    return x, y


def parse_box(text: str, flag: str) -> Box:
    """Read '10,20,200,150'.

    Raises:
        UsageProblem: not four whole numbers from 0, or a box without a pixel in it.
    """
    hint = f"write {flag} 10,20,200,150: left, top, right and bottom, in pixels of the upright picture"
    x0, y0, x1, y1 = _numbers(text, flag, 4, hint)
    if x1 <= x0 or y1 <= y0:
        raise UsageProblem(f"{flag} {text} has no pixel in it", hint=hint)
    return x0, y0, x1, y1


def _numbers(text: str, flag: str, count: int, hint: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != count or not all(part.isdecimal() for part in parts):
        raise UsageProblem(f"{flag} {text!r} is not {'x,y' if count == 2 else 'x0,y0,x1,y1'} in whole pixels", hint=hint)
    return [int(part) for part in parts]

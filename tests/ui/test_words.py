"""The page speaks of no command lines, which its visitors do not have."""

from __future__ import annotations

import pytest

from unseg_cli.ui import words

FAINT = {
    "path": "a.png",
    "error": "noise of 0.86 of 255 grey levels is too little to protect it",
    "hint": "raise --strength, or give masks",
}
CUT_OFF = {"path": "<b>.jpg", "error": "is damaged or truncated", "hint": "replace it with the original, or omit it (protect: --exclude)"}


def test_failures_say_what_a_visitor_can_do() -> None:
    html = words.failures([FAINT, CUT_OFF])
    assert html.count("It is left out") == html.count('role="alert"') == 2
    left_out = "a.png: noise of 0.86 of 255 grey levels is too little to protect it. It is left out."
    assert f"{left_out} A higher strength allows more.</p>" in html
    of_a_large_one = words.failures([FAINT | {"hint": "make the copy smaller: --longest-side 1000; or allow more: --strength high"}])
    assert f"{left_out} A higher strength or a smaller size allows more.</p>" in of_a_large_one
    assert "&lt;b&gt;.jpg: is damaged or truncated. It is left out.</p>" in html
    assert "--" not in html
    assert words.problem("It is full", "pass --out, or free some space") == '<p class="problem" role="alert">It is full.</p>'
    assert words.problem("It is full", "free some space").endswith("It is full. free some space</p>")


@pytest.mark.parametrize(
    ("warning", "shown"),
    [
        ("a.png: a palette picture becomes RGB: a palette has no room for noise", "a palette picture becomes RGB: a palette has no room"),
        ("a.jpg: the codec kept only 40 % of the noise: raise --quality or --epsilon", "a.jpg: the codec kept only 40 % of the noise</p>"),
        ("a.png: noise of 0.86 of 255 grey levels is too little to protect it - raise --strength", ""),
        ("1 of 2 masks mark nothing under --mask-rule nonzero: those pictures are protected as a whole", ""),
        ("my--best.jpg: a palette picture becomes RGB", "my--best.jpg: a palette picture becomes RGB</p>"),
    ],
)
def test_notes(warning: str, shown: str) -> None:
    html = words.notes([warning], [FAINT])
    assert shown in html if shown else not html


def test_what_became_of_the_pictures_is_said_with_what_they_show() -> None:
    facts = {"protected": 2, "skipped": 1, "images": 4, "faint": 0, "plain": 0, "made_smaller": 0}
    facts |= {"failures": [{"path": "a", "error": "is text", "hint": ""}]}
    quiet = words.protected(facts, "")
    assert "3 of 4 pictures are protected.</b>" in quiet and "a: is text" in quiet and "of them" not in quiet and "smaller" not in quiet
    assert "Made smaller: 1 picture." in words.protected(facts | {"made_smaller": 1}, "")
    told = words.protected(facts | {"faint": 1, "plain": 2}, "C:/<out>")
    assert "protected in C:/&lt;out&gt;.</b>" in told
    assert "In 1 of them hardly any noise is left" in told and "In 2 of them the noise can be seen on skin" in told

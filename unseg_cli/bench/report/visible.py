"""How visible the noise is, and whether it still reads after a large picture was downsized: the targets that no training is needed for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import mean
from typing import Any

from unseg_cli.bench.report.kept import shipped_weights
from unseg_cli.bench.report.text import markdown_table, number
from unseg_cli.core.runs import read_jsonl

Document = dict[str, Any]

#: What a line has to say: the file, what it was protected with, and what was measured of it.
LINES, LARGE_LINES = "visibility.jsonl", "large_pictures.jsonl"
DEFAULT_STRENGTH = "medium"
MOST_DIFFERENCE, MOST_P95, MOST_FLIP = 0.4, 1.0, 0.09
PERCENTILE = 95
NOT_YET = "not measured yet"
HEADER = ("strength", "pictures", "difference: mean", "in the worst picture", "95th percentile, worst", "FLIP: mean", "worst", "verdict")
INTRODUCTION = """F, visibility, of `docs/results/{name}`: the difference in colour that is left after the blur of the eye itself, as
`unseg_cli/pictures` measures it, and FLIP. At the strength {strength} the mean over the pictures has to be at most {difference}, the
{percentile}th percentile at most {p95} in every picture, and the mean of FLIP at most {flip}. PSNR and SSIM are blind to some of what the
eye sees at once."""
LARGE_HEADER = (
    "strength", "masks", "pictures", "smallest, px", "trained at", "red against green: mean", "least", "contrast: mean", "least",
)  # fmt: skip
LARGE = """G, large pictures, which the attacker makes smaller, of `docs/results/{name}`. At the strength {strength} what would show
at 100 % is left out, and where no masks are given what would show at 200 %, too; *given* are here detected ones, taken for those of a data
set (`--no-closely`).
*red against green*: what is left of the noise on the object, root mean square in 1/255; *contrast*: how well a pretrained network tells the
protected object from the clean one (Fisher's criterion at stride 8). *made*: photographs brought to that size first, as by
`--longest-side`; those of 400 px at 256 px are as in ECSSD, whose drop stands above. Without masks {strength} leaves so little in
files of 3,000 px and more that `unseg protect` writes no copy, and from 640 px on in one of three, of a dog whose fur has hardly any
colour"""


def section(docs: Path) -> str:
    """Targets F and G, measured or not."""
    return f"{visibility(docs)}\n\n{large_pictures(docs)}"


def visibility(docs: Path) -> str:
    """What can be seen at each strength, of pictures that the shipped weights protected."""
    text = INTRODUCTION.format(
        name=LINES, strength=DEFAULT_STRENGTH, difference=MOST_DIFFERENCE, p95=MOST_P95, percentile=PERCENTILE, flip=MOST_FLIP
    )
    lines = _of_shipped(docs, LINES)
    if not lines:
        return f"{text}\n\nF: {NOT_YET}."
    rows = [
        _strength(name, [line for line in lines if line["strength"] == name]) for name in dict.fromkeys(one["strength"] for one in lines)
    ]
    return f"{text}\n\n" + "\n".join(markdown_table(HEADER, rows))


def large_pictures(docs: Path) -> str:
    """How much of the pattern's contrast is left after large pictures were downsized to the attacker's size."""
    text = LARGE.format(name=LARGE_LINES, strength=DEFAULT_STRENGTH)
    lines = _of_shipped(docs, LARGE_LINES)
    if not lines:
        return f"{text}: {NOT_YET}."
    rows = []
    for group in sorted({_group(line) for line in lines}, reverse=True):
        strength, masks, made, size = group
        members = [line for line in lines if _group(line) == group]
        smallest = min(max(line["width"], line["height"]) for line in members)
        contrasts = [line["contrast"] for line in members if line["contrast"] is not None]
        files = {line["file"] for line in members}  # each is made smaller in several ways
        colours = [line["red_green"] for line in members]
        left = (number(value, 2) for values in (colours, contrasts) for value in (mean(values), min(values)))
        rows.append((strength, masks, str(len(files)), f"made {made}" if made else str(smallest), f"{size} px", *left))
    return f"{text}:\n\n" + "\n".join(markdown_table(LARGE_HEADER, rows))


def _group(line: Document) -> tuple[str, str, int, int]:
    """The strength, whether masks were given, the size that a picture was made before (0: none), and the one that the attacker makes it."""
    return line["strength"], "given" if line["mask_source"] == "file" else "none", line.get("made") or 0, line["size"]


def _of_shipped(docs: Path, name: str) -> list[Document]:
    """The lines of a file that were measured with the weights that ship."""
    shipped = shipped_weights(docs)
    return [line for line in read_jsonl(docs / "results" / name) if shipped is None or line["generator_sha256"] == shipped]


def _strength(name: str, lines: Iterable[Document]) -> tuple[str, ...]:
    columns = ("difference_mean", "difference_p95", "flip")
    difference, p95, flip = ([line[column] for line in lines] for column in columns)
    reached = mean(difference) <= MOST_DIFFERENCE and max(p95) <= MOST_P95 and mean(flip) <= MOST_FLIP
    verdict = ("met" if reached else "missed") if name == DEFAULT_STRENGTH else "-"
    shown = (mean(difference), max(difference), max(p95))
    return (name, str(len(flip)), *(number(one, 2) for one in shown), number(mean(flip), 3), number(max(flip), 3), verdict)

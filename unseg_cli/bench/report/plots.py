"""The three plots of a bench run: curves.png, bars.png and samples.png."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

# At the top: a bench without it ends before the first training, not after the last.
from matplotlib.figure import Figure

from unseg_cli.bench.conditions import SPELLINGS
from unseg_cli.core.constants import IGNORE, U8Array
from unseg_cli.core.runs import write_atomically

Document = dict[str, Any]


def draw_curves(out: Path, results: list[Document]) -> None:
    """curves.png: the test metric after every epoch, one panel for each victim and countermeasure, one line for each condition and seed."""
    panels = list(dict.fromkeys((result["row"]["victim"], result["row"]["defence"]) for result in results))
    figure = _figure(4.2 * min(len(panels), 3), 3.2 * -(-len(panels) // 3))
    for i, panel in enumerate(panels, 1):
        axes = figure.add_subplot(-(-len(panels) // 3), min(len(panels), 3), i, title=", ".join(panel), xlabel="epoch")
        named: set[str] = set()
        for result in results:
            row = result["row"]
            if (row["victim"], row["defence"]) != panel:
                continue
            points = [(point["epoch"], point["metric"]) for point in result["curve"]]
            label = None if row["condition"] in named else row["condition"]
            named.add(row["condition"])
            # A line of one point would not be seen.
            marker = "o" if len(points) == 1 else None
            axes.plot(*zip(*points, strict=True), color=SPELLINGS[row["condition"]].colour, label=label, linewidth=1.2, marker=marker)
        axes.set_ylabel(f"{results[0]['row']['metric']} on clean test pictures, %")
        axes.set_ylim(0, 100)
        axes.legend(fontsize=8)
    _save(figure, out / "curves.png")


def draw_bars(out: Path, document: Document) -> None:
    """bars.png: final metric by victim and countermeasure, one bar for each condition; whiskers are the standard deviation over seeds."""
    summary = document["summary"]
    groups = list(dict.fromkeys((entry["victim"], entry["defence"]) for entry in summary))
    conditions = list(dict.fromkeys(entry["condition"] for entry in summary))
    figure = _figure(max(4.0, 1.2 + 0.45 * len(groups) * (len(conditions) + 1)), 3.4)
    axes = figure.add_subplot(ylabel=f"{summary[0]['metric']} on clean test pictures, %", ylim=(0, 100))
    width = 0.8 / len(conditions)
    for number, condition in enumerate(conditions):
        entries = {(entry["victim"], entry["defence"]): entry for entry in summary if entry["condition"] == condition}
        places = np.array([i for i, group in enumerate(groups) if group in entries]) + (number - (len(conditions) - 1) / 2) * width
        shown = [entries[group] for group in groups if group in entries]
        bars = axes.bar(
            places,
            [entry["mean"] for entry in shown],
            width,
            yerr=[entry["std"] for entry in shown],
            color=SPELLINGS[condition].colour,
            label=condition,
        )
        axes.bar_label(bars, fmt="%.0f", fontsize=7, padding=2)
    axes.set_xticks(range(len(groups)), ["\n".join(group) for group in groups], fontsize=8)
    axes.legend(fontsize=8)
    _save(figure, out / "bars.png")


def draw_samples(out: Path, columns: list[tuple[str, list[U8Array]]]) -> None:
    """samples.png: one row for each test picture.

    Args:
        out: the run folder.
        columns: title and tiles; a tile is a picture (H, W, 3) or a label map of any size. The first column is of pictures, the last is
            the truth.
    """
    pictures, truth = columns[0][1], columns[-1][1]
    highest = max(1, *(int(labels[labels != IGNORE].max(initial=0)) for labels in truth))
    figure = _figure(2.1 * len(columns), 1.7 * len(pictures))
    for row, column in itertools.product(range(len(pictures)), range(len(columns))):
        title, tile = columns[column][0], columns[column][1][row]
        axes = figure.add_subplot(len(pictures), len(columns), row * len(columns) + column + 1)
        axes.set_axis_off()
        axes.set_title(title if row == 0 else "", fontsize=9)
        if tile.ndim == 2:
            height, width = pictures[row].shape[:2]
            shown, colours = np.ma.masked_equal(tile, IGNORE), "gray" if highest == 1 else "tab20"
            axes.imshow(shown, cmap=colours, vmin=0, vmax=highest, interpolation="nearest", extent=(0, width, height, 0))
        else:
            axes.imshow(tile)
    _save(figure, out / "samples.png")


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Figure, path: Path) -> None:
    write_atomically(path, lambda part: figure.savefig(part, dpi=100))

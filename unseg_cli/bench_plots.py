"""The three plots of a bench run: curves.png, bars.png and samples.png."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unseg_cli.errors import EnvironmentProblem
from unseg_cli.metrics import IGNORE
from unseg_cli.runs import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

U8Array = npt.NDArray[np.uint8]
Document = dict[str, Any]

COLOURS = {
    "clean": "#3b6ea5",
    "protected": "#c0392b",
    "protected-auto": "#e07b6c",
    "protected-whole": "#8e44ad",
    "random": "#7f8c8d",
    "texture": "#d68910",
}


def draw_curves(out: Path, results: list[Document]) -> None:
    """curves.png: the test metric after every epoch, one panel for each victim and defence, one line for each condition and seed."""
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
            axes.plot(*zip(*points, strict=True), color=COLOURS[row["condition"]], label=label, linewidth=1.2)
        axes.set_ylabel(f"{results[0]['row']['metric']} on clean test pictures, %")
        axes.set_ylim(0, 100)
        axes.legend(fontsize=8)
    _save(figure, out / "curves.png")


def draw_bars(out: Path, document: Document) -> None:
    """bars.png: final metric by victim and defence, one bar for each condition; whiskers are the standard deviation over seeds."""
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
            color=COLOURS[condition],
            label=condition,
        )
        axes.bar_label(bars, fmt="%.0f", fontsize=7, padding=2)
    axes.set_xticks(range(len(groups)), ["\n".join(group) for group in groups], fontsize=8)
    axes.legend(fontsize=8)
    _save(figure, out / "bars.png")


def draw_samples(
    out: Path, clean: list[U8Array], changed: list[U8Array], condition: str, predictions: dict[str, U8Array], truth: list[U8Array]
) -> None:
    """samples.png: a row for each test picture: clean | changed | what each victim predicts of the clean one | truth.

    Args:
        out: the run folder.
        clean: (H, W, 3) test pictures.
        changed: the same under `condition`, to show what the training pictures looked like.
        condition: its name.
        predictions: (K, h, w) label maps by the condition that the victim was trained on.
        truth: (H, W) label maps.
    """
    columns = [("picture", clean), (condition, changed)]
    columns += [(f"trained on {name}", list(maps)) for name, maps in predictions.items()]
    columns += [("truth", truth)]
    figure = _figure(2.1 * len(columns), 1.7 * len(clean))
    classes = max(1, *(int(map_[map_ != IGNORE].max(initial=0)) for map_ in truth))
    for row in range(len(clean)):
        for column, (title, tiles) in enumerate(columns):
            axes = figure.add_subplot(len(clean), len(columns), row * len(columns) + column + 1)
            axes.set_axis_off()
            if row == 0:
                axes.set_title(title, fontsize=9)
            if tiles[row].ndim == 3:
                axes.imshow(tiles[row])
            else:
                shown = np.ma.masked_equal(tiles[row], IGNORE)
                height, width = clean[row].shape[:2]
                axes.imshow(
                    shown,
                    cmap="gray" if classes == 1 else "tab20",
                    vmin=0,
                    vmax=classes,
                    interpolation="nearest",
                    extent=(0, width, height, 0),
                )
    _save(figure, out / "samples.png")


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as problem:
        raise EnvironmentProblem("matplotlib is not installed", hint="pip install 'unseg_cli[bench]'") from problem
    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Figure, path: Path) -> None:
    write_atomically(path, lambda part: figure.savefig(part, dpi=100))

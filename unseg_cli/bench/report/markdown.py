"""A bench run as Markdown: its command, its tables and what they depend on."""

from __future__ import annotations

from typing import Any

from unseg_cli.bench.headlines import HEADLINES
from unseg_cli.bench.report.text import fraction, markdown_table, number, spread

SUMMARY_HEADER = (
    *("victim", "condition", "defence", "init", "protected share", "final", "drop %"),
    *("best epoch", "its drop %", "mean over pictures", "its drop %"),
)
#: The source of masks of the condition "protected", in words.
WHOSE_MASKS = {
    "gt": "the true masks",
    "auto": "the objects that the generator detects itself",
    "whole": "the whole picture as the object",
    "corrected": "the generator's own masks, true ones where those are unsure",
    "folder": "masks of a folder",
    "uniform": "one pattern all over the picture",
}

Document = dict[str, Any]


def section(document: Document, run: Document) -> str:
    """A run as Markdown: its command, its tables and what they depend on. Needs results.json and run.json alone."""
    lines = ["**A smoke test, no evidence.**", ""] if document["smoke_test"] else []
    lines += [
        f"    {run['command']}",
        "",
        _setting(document, run),
        "",
        *markdown_table(SUMMARY_HEADER, map(_summary_row, document["summary"])),
    ]
    if document["noise"]:
        lines += ["", *_visibility(document["noise"])]
    lines += ["", _fine_print(document, run), ""]
    return "\n".join(lines)


def _visibility(noise: Document) -> list[str]:
    """The table of how visible the noise is. Runs of earlier versions do not say what an eye sees."""
    header: tuple[str, ...] = ("condition", "largest change /255", "PSNR dB", "SSIM")
    rows = [(name, number(n["linf_255"], 0), number(n["psnr"]), number(n["ssim"], 3)) for name, n in noise.items()]
    introduction = "Visibility of the noise on the training pictures at their original size"
    looked_at = max(n.get("difference_pictures", 0) for n in noise.values())
    if not looked_at:
        return [f"{introduction}:", "", *markdown_table(header, rows)]
    seen = [(number(n.get("difference"), 2), number(n.get("difference_p95"), 2), number(n.get("flip"), 3)) for n in noise.values()]
    header += ("seen", "seen, worst picture's p95", "FLIP")
    introduction += f" (*seen*, where 1 is about what can just be seen, and FLIP: the first {looked_at} pictures)"
    return [f"{introduction}:", "", *markdown_table(header, [(*row, *more) for row, more in zip(rows, seen, strict=True)])]


def _summary_row(entry: Document) -> tuple[str, ...]:
    return (
        *(str(entry[name]) for name in ("victim", "condition", "defence", "init")),
        f"{entry['ratio']:g}",
        spread(entry["mean"], entry["std"]),
        number(entry["relative_drop"]),
        number(entry["best_mean"]),
        number(entry["best_relative_drop"]),
        number(entry["per_picture_mean"]),
        number(entry["per_picture_relative_drop"]),
    )


def _setting(document: Document, run: Document) -> str:
    data, seeds = run["data"], sorted({row["seed"] for row in document["rows"]})
    return (
        f"{data['train_pictures']} training and {data['test_pictures']} test pictures, {data['task']}. "
        f"The metric is the {HEADLINES[data['task']]}, in percent; test pictures are clean. "
        f"Seeds {', '.join(map(str, seeds))}; mean ± standard deviation. Protected with {_masks(document, run)}." + _files(run)
    )


def _files(run: Document) -> str:
    """What was done to the files before anything else, in a sentence."""
    side = run["settings"].get("source_size")
    return f" All pictures were brought to a longer side of {side} px first." if side else ""


def _masks(document: Document, run: Document) -> str:
    if run["settings"].get("protected"):
        return f"what `unseg protect` had made of them, in {run['settings']['protected']}"
    budget = run["settings"]["budget"]
    what = f"{WHOSE_MASKS[document['protect_masks']]}, {fraction(budget['foreground'])} inside and {fraction(budget['background'])} outside"
    if document["task"] == "semantic" and document["protect_masks"] == "gt":
        what += f" (objects: {', '.join(run['data']['foreground_classes'])})"
    return what


def _fine_print(document: Document, run: Document) -> str:
    sizes = {row["victim"]: f"{row['width']}x{row['height']} px" for row in document["rows"]}
    trained = [
        f"{name}: {sizes[name]}, {s['epochs']} epochs, batch {s['batch_size']}, AdamW {s['lr']:g} one-cycle{', bf16' * s.get('amp', False)}"
        for name, s in run["schedules"].items()
        if name in sizes
    ]
    versions = [f"{name} {run['versions'][name]}" for name in ("unseg_cli", "torch", "python") if name in run["versions"]]
    generator = run["generator"]
    made = [f"generator {generator['name']} {generator['sha256'][:12]}"] if generator else []
    made += [f"noise code {run['noise_code']}"] if "noise_code" in run else []
    minutes = sum(row["seconds"] for row in document["rows"]) / 60
    return f"{'; '.join(trained)}; {run['augmentation']}. {', '.join(made + versions)}. Training took {minutes:.1f} minutes in all."

"""What the help of a command says beside its options: commands to copy, and the files that it leaves. docs/cli.md is made of it, too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Manual:
    """More about a command.

    Attributes:
        examples: what one wants, and the line to type.
        files: what it leaves, and what that is.
    """

    examples: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...] = ()


MANUAL = {
    "protect": Manual(
        examples=(
            ("Protect a folder; run again, it does what is missing", "unseg protect ./photos ./out"),
            ("With masks of the objects, which protect better", "unseg protect ./photos ./out --masks ./masks"),
            ("A published data set, in its own layout", "unseg protect --dataset cityscapes:./cityscapes ./out --mask-rule multi"),
            ("Look before anything is written", "unseg protect ./photos ./out --dry-run"),
            (
                "See what it looks like, with a page about all of it",
                "unseg protect ./photos ./out --preview ./preview --report ./report.html",
            ),
            ("Only what is new, as it arrives", "unseg protect ./photos ./out --watch"),
            ("Without places in the metadata, as PNG", "unseg protect ./photos ./out --format png --metadata strip-gps"),
            ("Keep the noise, to take it away again", "unseg protect ./photos ./out --format png --save-noise ./noise"),
        ),
        files=(
            ("DST/NAME", "each picture, under its own name"),
            ("DST/unseg-manifest.jsonl", "a line for each: what was done and measured, or why it failed"),
            ("DIR/NAME.npz", "with --save-noise: the noise, the mask and two hashes"),
            ("DIR/NAME.png", "with --preview: clean, protected and the noise 16 times as strong"),
        ),
    ),
    "detect": Manual(
        examples=(
            ("Find the objects, and open masks/review.html", "unseg detect ./photos ./masks"),
            ("Correct one", "unseg detect ./photos ./masks --only sub/dog.jpg --box 120,80,940,700"),
        ),
        files=(
            ("MASKS/NAME.png", "white on the object, as large as the picture"),
            ("MASKS/detections.jsonl", "a line for each picture: how sure, how large, found by whom"),
            ("MASKS/review.html", "every picture with the outline of its object, least sure first"),
        ),
    ),
    "verify": Manual(
        examples=(
            ("Is everything protected, and nothing else in the folder?", "unseg verify ./photos ./out"),
            ("As a step of a script", "unseg verify ./photos ./out --only-problems --json"),
        )
    ),
    "restore": Manual(
        examples=(("Take the noise away again", "unseg restore ./out ./noise ./clean"),),
        files=(("OUT/NAME", "the clean picture, under the name of the protected one"),),
    ),
    "train": Manual(
        examples=(
            (
                "Show the shipped generator what objects are in your pictures",
                "unseg train --preset adapt --data ./labelled --out runs/mine",
            ),
            ("See whether everything works", "unseg train --preset tiny --data synthetic --out runs/tiny"),
        ),
        files=(
            ("RUN/generator.safetensors", "for --generator, with a model card beside it"),
            ("RUN/run.json, metrics.jsonl, curves.png, samples.png", "settings, versions and hashes; how it went"),
            ("RUN/checkpoint.safetensors", "what --resume goes on from"),
        ),
    ),
    "bench": Manual(
        examples=(
            ("Measure it on data of your own, three times", "unseg bench --victim unet --data ./dataset --seeds 0,1,2 --out runs/unet"),
            (
                "What detections do instead of true masks",
                "unseg bench --data ./dataset --conditions clean,protected,protected-auto --out runs/auto",
            ),
            ("Against somebody who tries to undo it", "unseg bench --data ./dataset --defences none,gray,jpeg75,blur --out runs/defences"),
        ),
        files=(
            ("RUN/results.json, results.csv, summary.md", "scores and drops"),
            ("RUN/per_class.csv, curves.csv, curves.png, bars.png, samples.png", "more of them, and pictures"),
            ("RUN/run.json, rows/", "settings, versions and hashes; what --resume goes on from"),
        ),
    ),
    "bench-report": Manual(
        examples=(("Several runs on one page, which can be sent to anybody", "unseg bench report runs/unet runs/auto --out report.html"),),
        files=(("FILE.html", "what was asked, what was found, how sure that is, and the numbers; it needs nothing else"),),
    ),
    "ui": Manual(examples=(("Protect pictures in the browser", "unseg ui"),)),
    "doctor": Manual(examples=(("Does everything work here?", "unseg doctor"),)),
    "victims": Manual(examples=(("What can bench train?", "unseg victims"),)),
    "weights import": Manual(examples=(("Use the weights that the authors released", "unseg weights import Generator_unseg_final.pth"),)),
}

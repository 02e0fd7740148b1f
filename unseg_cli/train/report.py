"""What a training leaves for people: curves, samples, and the generator with its model card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unseg_cli.core.events import Events
from unseg_cli.core.extras import how_to_install
from unseg_cli.core.runs import environment_versions, read_jsonl, write_atomically
from unseg_cli.generators.loading import save_generator
from unseg_cli.generators.sums import sha256_of
from unseg_cli.models.build import Generator
from unseg_cli.models.prompt import Prompt
from unseg_cli.train.run_folder import METRICS, training_minutes
from unseg_cli.train.schedule import TURNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLES = 4
SMOOTHING = 25  # steps averaged in curves.png


def draw_curves(out: Path, events: Events) -> None:
    """curves.png: the loss of each kind of step."""
    try:
        figure = curves(read_jsonl(out / METRICS))
    except ImportError:
        events.warn(f"curves.png was not drawn: matplotlib is missing ({how_to_install('matplotlib', 'train')})")
        return
    write_atomically(out / "curves.png", lambda part: figure.savefig(part, dpi=110))


def curves(records: list[dict[str, Any]]) -> Figure:
    """The loss of each kind of step over the steps, a moving mean; a single value is a dot, since a line of one point shows nothing."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss (cross-entropy + dice)")
    for turn in TURNS:
        steps = np.array([r["step"] for r in records if r["turn"] == turn])
        losses = np.array([r["loss"] for r in records if r["turn"] == turn])
        if len(steps):
            width = min(SMOOTHING, len(steps))
            means = np.convolve(losses, np.ones(width) / width, "valid")
            axes.plot(steps[width - 1 :], means, marker="o" if len(means) == 1 else "", label=f"{turn} (mean of {width})")
    axes.legend()
    return figure


def draw_samples(out: Path, generator: Generator, image: Tensor, mask: Tensor) -> None:
    """samples.png: rows of picture | true mask | predicted mask, or the true one again | noise.

    Args:
        out: the run's folder.
        generator: trained; left in eval mode.
        image: (B, 3, S, S) in [0, 1], on the generator's device.
        mask: (B, 1, S, S) of 0 and 1, there too.
    """
    generator.eval()
    with torch.no_grad():
        embedding = generator.embed(image)
        noise = generator.draw(embedding, image, Prompt(mask=mask))
        logits = generator.detect(embedding)
        predicted = mask if logits is None else torch.sigmoid(logits)
    rows = []
    for i in range(image.shape[0]):
        tiles = (image[i], mask[i].expand(3, -1, -1), predicted[i].expand(3, -1, -1), noise[i] * 0.5 + 0.5)
        rows.append(np.concatenate([_tile(t, min(image.shape[-1], 256)) for t in tiles], 1))
    picture = Image.fromarray(np.concatenate(rows, 0))
    write_atomically(out / "samples.png", lambda part: picture.save(part))


def write_generator(out: Path, generator: Generator, run: dict[str, Any], *, sam_sha256: str | None = None) -> Path:
    """generator.safetensors (float16) and its model card, MODEL_CARD.md, which says what run.json says about how it was made.

    Args:
        out: the run's folder.
        generator: trained.
        run: what run.json holds.
        sam_sha256: see `save_generator`.
    """
    path, settings = out / "generator.safetensors", run["settings"]
    metadata = {"command": run["parts"][0]["command"], "preset": settings["preset"], "seed": str(settings["seed"])}
    save_generator(path, generator, metadata, half=True, sam_sha256=sam_sha256)
    card = model_card(generator, run, read_jsonl(out / METRICS), sha256_of(path), path.stat().st_size, sam_sha256=sam_sha256)
    write_atomically(out / "MODEL_CARD.md", lambda part: part.write_bytes(card.encode()))
    return path


def model_card(
    generator: Generator, run: dict[str, Any], records: list[dict[str, Any]], sha256: str, size: int, *, sam_sha256: str | None = None
) -> str:
    """What it is, what made it, what it cost."""
    parameters = sum(p.numel() for p in generator.parameters()) / 1e6
    devices = list(dict.fromkeys(part["device"] for part in run["parts"]))
    lines = [
        f"# Generator `{generator.spec.name}`",
        "",
        f"- {parameters:.1f} M parameters, float16, {size / 1e6:.1f} MB, sha256 `{sha256}`",
        f"- input {generator.spec.image_size} px, noise map {generator.spec.noise_size} px",
        *(
            []
            if sam_sha256 is None
            else [f"- the file holds the noise decoder alone; the rest is SAM's checkpoint with sha256 `{sam_sha256}`"]
        ),
        *_made_by(run["parts"]),
        *(f"- starting weights `{setting}`: sha256 `{digest}`" for setting, digest in run["weights"].items()),
        f"- cost: {training_minutes(records):.0f} minutes of training steps on {', '.join(devices)} ({torch.get_num_threads()} threads)",
        "",
        "| steps | kind | last loss (mean of the last tenth) |",
        "|---|---|---|",
    ]
    for turn in TURNS:
        losses = [r["loss"] for r in records if r["turn"] == turn]
        if losses:
            lines.append(f"| {len(losses)} | {turn} | {np.mean(losses[-max(1, len(losses) // 10) :]):.3f} |")
    lines += ["", "Versions: " + ", ".join(f"{name} {version}" for name, version in environment_versions().items()), ""]
    return "\n".join(lines)


def _made_by(parts: list[dict[str, Any]]) -> list[str]:
    """The command, or that of each part of a resumed run; and what was set in Python, where no option says the same."""
    if len(parts) == 1:
        lines = [f"- made by `{parts[0]['command']}`"]
    else:
        lines = [f"- made in {len(parts)} parts:", *(f"  - from step {part['from_step']}: `{part['command']}`" for part in parts)]
    if set_in_python := parts[0]["without_option"]:
        listing = ", ".join(f"`{name}={value!r}`" for name, value in set_in_python.items())
        lines.append(f"- with settings that were made in Python, since they have no option: {listing}")
    return lines


def _tile(tensor: Tensor, side: int) -> np.ndarray:
    pixels = (tensor.clamp(0, 1).permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))

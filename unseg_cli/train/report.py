"""What a training leaves for people: curves, samples, and the generator with its model card."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from unseg_cli.core.events import Events
from unseg_cli.core.runs import environment_versions, read_jsonl, write_atomically
from unseg_cli.datasets.batches import batches
from unseg_cli.datasets.sources import Source
from unseg_cli.generators.files import save_generator, sha256_of
from unseg_cli.models.build import Generator
from unseg_cli.models.lite.generator import LiteGenerator
from unseg_cli.models.prompt import Prompt
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.learners import TURNS

SAMPLES = 4
SMOOTHING = 25  # steps averaged in curves.png


def draw_curves(out: Path, events: Events) -> None:
    """curves.png: the loss of each kind of step."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        events.warn("curves.png was not drawn: matplotlib is missing (pip install 'unseg_cli[train]')")
        return
    records = read_jsonl(out / "metrics.jsonl")
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss (cross-entropy + dice)")
    for turn in TURNS:
        steps = np.array([r["step"] for r in records if r["turn"] == turn])
        losses = np.array([r["loss"] for r in records if r["turn"] == turn])
        if len(steps):
            width = min(SMOOTHING, len(steps))
            axes.plot(steps[width - 1 :], np.convolve(losses, np.ones(width) / width, "valid"), label=f"{turn} (mean of {width})")
    axes.legend()
    write_atomically(out / "curves.png", lambda part: figure.savefig(part, dpi=110))


def draw_samples(config: TrainConfig, generator: Generator, sources: list[Source], events: Events) -> None:
    """samples.png: rows of picture | true mask | predicted mask | noise."""
    size = generator.spec.image_size
    feed = batches(sources, size=size, batch_size=SAMPLES, seed=config.seed + 1, start_step=0, stop_step=1, workers=0, scales=(1.0, 1.0))
    batch = next(iter(feed))
    generator.eval()
    device = next(generator.parameters()).device
    with torch.no_grad():
        image, mask = batch.image.to(device), batch.mask.to(device)
        noise = generator(image, Prompt(mask=mask))
        predicted = torch.sigmoid(generator.predict_mask(image)) if isinstance(generator, LiteGenerator) else mask
    rows = []
    for i in range(image.shape[0]):
        tiles = (image[i], mask[i].expand(3, -1, -1), predicted[i].expand(3, -1, -1), noise[i] * 0.5 + 0.5)
        rows.append(np.concatenate([_tile(t, min(size, 256)) for t in tiles], 1))
    picture = Image.fromarray(np.concatenate(rows, 0))
    write_atomically(config.out / "samples.png", lambda part: picture.save(part))


def write_generator(config: TrainConfig, generator: Generator) -> Path:
    """generator.safetensors (float16) and its model card, MODEL_CARD.md."""
    path = config.out / "generator.safetensors"
    command = shlex.join(["unseg", *sys.argv[1:]])
    save_generator(path, generator, {"command": command, "preset": config.preset, "seed": str(config.seed)}, half=True)
    records = read_jsonl(config.out / "metrics.jsonl")
    card = model_card(config, generator, command, records, sha256_of(path), path.stat().st_size)
    write_atomically(config.out / "MODEL_CARD.md", lambda part: part.write_bytes(card.encode()))
    return path


def model_card(config: TrainConfig, generator: Generator, command: str, records: list[dict[str, Any]], sha256: str, size: int) -> str:
    """What it is, what made it, what it cost."""
    device = next(generator.parameters()).device
    parameters = sum(p.numel() for p in generator.parameters()) / 1e6
    lines = [
        f"# Generator `{generator.spec.name}`",
        "",
        f"- {parameters:.1f} M parameters, float16, {size / 1e6:.1f} MB, sha256 `{sha256}`",
        f"- input {generator.spec.image_size} px, noise map {generator.spec.noise_size} px",
        f"- made by `{command}`",
        f"- cost: {training_minutes(records):.0f} minutes of training steps on {device.type} ({torch.get_num_threads()} threads)",
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


def training_minutes(records: list[dict[str, Any]]) -> float:
    """Minutes over all resumed parts: `seconds` starts anew in each."""
    total, last = 0.0, 0.0
    for entry in records:
        if entry["seconds"] < last:
            total += last
        last = entry["seconds"]
    return (total + last) / 60


def _tile(tensor: torch.Tensor, side: int) -> np.ndarray:
    pixels = (tensor.clamp(0, 1).permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))

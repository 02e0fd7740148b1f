#!/usr/bin/env python3
"""Try a closed-form noise before it goes into the generator: protect, train a victim, and keep the result as one line.

    python scripts/explore_noise.py --data ../shared/data/ecssd --layers 'magenta:4@48' --note 'few colours'
    python scripts/explore_noise.py --data ../shared/data/ecssd --layers clean
    python scripts/explore_noise.py --data ../shared/data/ecssd --layers tile:runs/own/generator.safetensors --max-difference 1

Each layer is COLOUR:TILE@CELLS[*SHARE]: a random tile of TILE x TILE cells, CELLS of them along the longer side of the picture, in a
named colour direction, scaled to SHARE of the budget (1). Layers are added and clipped. tile:FILE is the tile for objects of a generator's
weights file, drawn as the package draws it; it stands alone, and takes --max-difference.

Lines go to docs/results/experiments.jsonl, from which `make results` makes a table; what wins becomes the start of the noise head
(unseg_cli/models/lite/noise_head.py), and is trained.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from unseg_cli.bench.conditions import Condition
from unseg_cli.bench.countermeasures.registry import find_countermeasure
from unseg_cli.bench.fit import train_victim
from unseg_cli.bench.grid import DataRecipe, NoiseRecipe, PictureSet
from unseg_cli.bench.preparation.cache import PictureCache
from unseg_cli.bench.preparation.maker import ConditionMaker
from unseg_cli.bench.preparation.prepare import prepare, test_examples, train_examples
from unseg_cli.bench.preparation.resized import of_size
from unseg_cli.bench.report.lines import NOISE
from unseg_cli.bench.run import training_size
from unseg_cli.bench.tasks import TASKS
from unseg_cli.bench.victims.base import VictimSpec
from unseg_cli.bench.victims.registry import find_victim, schedule_for
from unseg_cli.bench.victims.schedule import AugmentName
from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import BoolArray, FloatArray, U8Array
from unseg_cli.core.device import seed_everything
from unseg_cli.core.errors import UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.datasets.labelled import LabelledData
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.generators.frame import to_frame
from unseg_cli.generators.loading import load_generator, load_weights
from unseg_cli.generators.session import PictureNoise, Session, of_tiles
from unseg_cli.noise.arithmetic import is_grey
from unseg_cli.noise.closed_form import tiled
from unseg_cli.noise.field import ArrayField

LINES = Path(__file__).resolve().parent.parent / "docs" / "results" / "experiments.jsonl"
COLOURS = {"magenta": (1, -1, 1), "gray": (1, 1, 1), "yellow": (1, 1, -1), "red": (1, -1, -1), "rgb": None}
COLOURS |= {"violet": (0.5, -0.5, 1), "indigo": (0.3, -0.3, 1), "blue": (0, 0, 1), "rg": (1, -1, 0), "gb": (0, -1, 1)}
COLOURS |= {"chroma": (1, -0.7, 1), "pink": (1, -0.6, 0.6), "iso": (1, -0.4, 1), "by": (-0.3, -0.3, 1)}
#: What the pattern is multiplied with outside the object, channel by channel; "yellow" makes magenta against green yellow against blue.
BACKGROUNDS = {"flip": (-1, -1, -1), "zero": (0, 0, 0), "same": (1, 1, 1), "yellow": (1, -1, -1)}
SHAPES = {
    "stripes": [[1, -1], [1, -1]],
    "check": [[1, -1], [-1, 1]],
    "flat": [[1]],
    "tinted": [[1, 1, -1, 1], [1, 1, 1, -1], [-1, 1, 1, 1], [1, -1, 1, 1]],
    "diagonal": [[1, 1, -1, -1], [1, -1, -1, 1], [-1, -1, 1, 1], [-1, 1, 1, -1]],
}

NAMES = f"colours {', '.join(COLOURS)}; tiles {', '.join(SHAPES)} or the side of a random one"

TILE = "tile:"
SETTINGS = ("victim", "init", *(name for name in NOISE if name != "floor"), "note")  # no noise has a floor any more


def layer(text: str) -> tuple[FloatArray, float]:
    """The tile (h, w, 3) of COLOUR:TILE@CELLS[*SHARE], and how many of its cells fill the longer side."""
    name, _, rest = text.partition(":")
    shape, _, share = rest.partition("*")
    side, _, cells = shape.partition("free")[0].partition("@")
    colour = COLOURS[name]
    if side in SHAPES:
        tile = np.array(SHAPES[side], np.float32)[..., None] * np.array(colour)
    elif colour is None:
        tile = np.stack([readable_tile(int(side)).numpy() for _ in range(3)], 2)
    else:
        signs = readable_tile(int(side)).numpy()
        if "free" in rest:  # as many + as -, so that the pattern keeps no tint
            for sign in (-1, 1):
                for row, column in np.argwhere(signs == sign)[: int(rest.partition("free")[2])]:
                    signs[row, column] = 0
        tile = signs[..., None] * np.array(colour)
    return (tile * float(share or 1)).astype(np.float32), float(cells)


def readable_tile(side: int, *, draws: int = 200) -> torch.Tensor:
    """A random tile of as many +1 as -1 whose sign can be read without knowing where the tile begins.

    Of `draws` random tiles, the one that stays farthest from its own negative under every shift and mirroring: a victim sees
    crops and flips, and a checkerboard shifted by one cell would say "outside" where it means "object".

    Returns:
        (side, side) of -1 and 1.
    """
    half = side * side // 2
    signs = torch.cat([torch.ones(side * side - half), -torch.ones(half)])
    tiles = torch.stack([signs[torch.randperm(side * side)].view(side, side) for _ in range(draws)])
    likeness = torch.stack(
        [
            (-tiles * torch.roll(view, (dy, dx), (1, 2))).mean((1, 2))
            for view in (tiles, tiles.flip(2))
            for dy in range(side)
            for dx in range(side)
        ]
    )
    return tiles[likeness.amax(0).argmin()]


class Recipe:
    """A closed-form noise: layers of tiles, and what happens outside the object."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.background = options.background
        torch.manual_seed(0)
        self.fill = options.fill
        self.layers = [layer(text) for text in options.layers.split("+")]

    def __call__(self, image: U8Array, mask: BoolArray) -> FloatArray:
        """(H, W, 3) in [-1, 1]."""
        total = np.zeros(image.shape, np.float32)
        for tile, cells in self.layers:
            drawn = tiled(tile, mask.shape, cells)
            # Side by side rather than on top of each other: a later layer fills the cells that the first leaves free.
            total = np.where((total == 0).all(2, keepdims=True), drawn, total) if self.fill else total + drawn
        outside = np.array(BACKGROUNDS[self.background], np.float32)
        return (np.clip(total, -1, 1) * np.where(mask[..., None], 1.0, outside)).astype(np.float32)


class TileRecipe:
    """The tile for objects of a generator, drawn as `Session` draws it; what happens outside the object is the script's."""

    def __init__(self, options: argparse.Namespace) -> None:
        generator = load_weights(Path(options.layers.removeprefix(TILE)))
        tiles, self.frame = generator.tiles(), generator.spec.image_size
        if tiles is None:
            raise UsageProblem(f"{options.layers}: the noise of this generator is not made of tiles", hint="pass a file of the lite kind")
        self.tiles = tiles
        self.outside = np.array(BACKGROUNDS[options.background], np.float32)
        self.budget = NoiseBudget(
            options.levels / 255, options.background_levels / 255, visible=options.max_difference, min_cell=options.min_cell
        )

    def __call__(self, image: U8Array, mask: BoolArray) -> FloatArray:
        """(H, W, 3) in [-1, 1]."""
        frame = to_frame(image, self.frame)
        inside = self.tiles.of(is_grey(frame))[0]
        pair = dict.fromkeys(("inside", "inside_grey"), inside) | dict.fromkeys(("outside", "outside_grey"), inside * self.outside)
        tiles = replace(self.tiles, **pair)
        return of_tiles(tiles, frame, mask, looked_at=None, budget=self.budget).rows(slice(None))


class RecipeSource:
    """Noise of a recipe in place of the generator's: the generator only detects the objects where there are no masks."""

    def __init__(self, recipe: Recipe | TileRecipe) -> None:
        self.recipe = recipe
        self.session: Session | None = None

    def noise(
        self, images: Sequence[U8Array], masks: Sequence[BoolArray | None], *, budget: NoiseBudget, target: str = "auto"
    ) -> list[PictureNoise]:
        """As `Session.noise`."""
        if target == "whole":
            masks = [np.ones(image.shape[:2], np.bool_) if mask is None else mask for image, mask in zip(images, masks, strict=True)]
        if any(mask is None for mask in masks):
            self.session = self.session or Session(load_generator("lite"))
            found = self.session.noise(images, masks, budget=budget, target=target)
            return [replace(one, field=ArrayField(self.recipe(image, one.mask))) for image, one in zip(images, found, strict=True)]
        return [
            PictureNoise(field=ArrayField(self.recipe(image, mask)), mask=mask, mask_source="file")
            for image, mask in zip(images, masks, strict=True)
            if mask is not None
        ]


def run(options: argparse.Namespace, data: LabelledData, defence: str, seed: int) -> dict[str, Any]:
    """One training; the line that is kept of it."""
    plain = options.layers in ("clean", "random")
    budget = NoiseBudget(options.levels / 255, options.background_levels / 255)
    name = options.layers if plain else "protected-per-class" if options.per_class else "protected"
    condition = Condition.parse(name, masks=options.masks, budget=budget)
    task, victim = TASKS[data.task], find_victim(options.victim)
    schedule = schedule_for(victim, data.task, options.init)
    schedule = replace(schedule, epochs=options.epochs or schedule.epochs, augment=options.augment)
    size = training_size(data, options.image_size or schedule.image_size)
    objects = data.foreground_labels(None)
    maker = ConditionMaker(objects, None if plain else RecipeSource((TileRecipe if options.layers.startswith(TILE) else Recipe)(options)))
    pictures = PictureSet(condition=condition, countermeasure=defence, size=size)
    with tempfile.TemporaryDirectory() as folder:
        recipe = DataRecipe(name=options.data, task=data.task, limit=None, objects=objects, source_size=options.source_size)
        cache = PictureCache(Path(folder), data=recipe, noise=NoiseRecipe(generator=None, ready=None))
        visibility = prepare(cache, maker, data, task, [pictures], events=Events())
        seed_everything(seed)
        training = train_victim(
            victim.build(VictimSpec(task=data.task, classes=data.classes, pretrained=options.init == "pretrained", side=max(size))),
            train_examples(cache, pictures),
            test_examples(cache, defence, size),
            task=task,
            classes=data.classes,
            schedule=schedule,
            countermeasure=find_countermeasure(defence),
            seed=seed,
            device=torch.device("cpu"),
            events=Events(),
            keep_predictions=len(data.test),
        )
    curve = [round(epoch.scores[task.headline], 2) for epoch in training.epochs]
    predicted = torch.stack([prediction.labels for prediction in training.predictions])
    return {
        "data": Path(options.data).name,
        **{name: getattr(options, name) for name in SETTINGS},
        "defence": defence,
        "seed": seed,
        "size": size[1],
        "source_size": options.source_size,
        "augment": schedule.augment,
        "epochs": schedule.epochs,
        "final": curve[-1],
        "best": max(curve),
        "predicted_percent": round(100 * float((predicted == 1).float().mean()), 1),
        **{name: visibility.get(condition.name, {}).get(name) for name in ("psnr", "ssim")},
        "seconds": round(training.seconds),
    }


def main() -> None:
    """Run every defence and seed, and append their lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--layers", required=True, help="COLOUR:TILE@CELLS[*SHARE]+..., tile:FILE, clean, or random")
    parser.add_argument("--background", default="flip", choices=list(BACKGROUNDS), help="the pattern outside the object")
    parser.add_argument("--levels", type=float, default=8, help="budget on the object in 1/255 (8)")
    parser.add_argument("--background-levels", type=float, default=2, help="budget outside the object in 1/255 (2)")
    parser.add_argument("--max-difference", type=float, help="of tile:FILE: the largest difference that may be seen (no limit)")
    parser.add_argument("--min-cell", type=float, default=8, help="of tile:FILE: the smallest cell in pixels (8)")
    parser.add_argument("--fill", action="store_true", help="layers side by side: the next fills what COLOUR:TILE@CELLSfreeN leaves free")
    parser.add_argument("--per-class", action="store_true", help="label-id data: every class has its own noise")
    parser.add_argument("--masks", default="gt", choices=["gt", "auto", "corrected", "whole"])
    parser.add_argument("--victim", default="unet")
    parser.add_argument("--init", default="pretrained", choices=["pretrained", "scratch"])
    parser.add_argument("--defences", default="none")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--source-size", type=int, help="bring all pictures to this longer side first")
    parser.add_argument("--augment", default="jitter", choices=get_args(AugmentName))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--note", default="")
    parser.add_argument("--out", type=Path, default=LINES)
    options = parser.parse_args()
    if options.max_difference is not None and not options.layers.startswith(TILE):
        parser.error("--max-difference goes with --layers tile:FILE")
    data = of_size(open_labelled(options.data, limit=None), options.source_size)
    for defence in options.defences.split(","):
        for seed in map(int, options.seeds.split(",")):
            line = json.dumps(run(options, data, defence, seed))
            print(line, flush=True)
            with options.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()

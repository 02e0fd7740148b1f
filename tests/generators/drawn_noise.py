"""Noise of every kind on one picture, in whole grey levels: what NOISE_CODE is the version of.

python -m tests.generators.drawn_noise        write the reference again, after NOISE_CODE was raised
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unseg_cli.core.budget import NoiseBudget
from unseg_cli.core.constants import U8Array
from unseg_cli.generators.find import Found
from unseg_cli.generators.runtimes.choose import open_runtime
from unseg_cli.generators.scenes import Scenes
from unseg_cli.generators.session import Session
from unseg_cli.models.prompt import Prompt
from unseg_cli.noise.closed_form import random_noise, texture_noise
from unseg_cli.noise.field import ArrayField, Rows
from unseg_cli.noise.per_class import PerClassField
from unseg_cli.noise.version import NOISE_CODE
from unseg_cli.pictures.adding import add_noise

REFERENCE = Path(__file__).with_name("reference") / "drawn_noise.npz"
BUDGET = NoiseBudget(8 / 255, 2 / 255, visible=None, min_cell=4)
LIMITED = NoiseBudget(8 / 255, 2 / 255, visible=1.0, min_cell=4)


def picture(height: int = 90, width: int = 120) -> tuple[U8Array, np.ndarray]:
    """A lit disc on a sloping ground with grain, and where the disc is. Nothing comes near black or white, where noise would be cut."""
    y, x = np.mgrid[:height, :width]
    disc = (y - height / 2) ** 2 + (x - 0.4 * width) ** 2 < (0.3 * height) ** 2
    ground = 70 + 60 * np.stack([x / width, y / height, (x + y) / (width + height)], axis=-1)
    lit = np.where(disc[..., None], (190, 120, 70) - 40 * (y / height)[..., None], ground)
    return np.clip(lit + np.random.default_rng(3).normal(0, 4, lit.shape), 20, 235).astype(np.uint8), disc


class DiscFinder:
    """Knows where the disc is: which object networks find is another question, and another answer on each kind of processor."""

    name, identity = "disc", None

    def find(self, scenes: Scenes, prompt: Prompt | None = None) -> list[Found | None]:
        return [Found(mask=picture(*image.shape[:2])[1]) for image in scenes.images]


def drawn() -> dict[str, np.ndarray]:
    """Kind of noise -> (H, W, 3) int8 change in grey levels."""
    image, disc = picture()
    generator = open_runtime("lite", device="cpu")
    session = Session(generator, DiscFinder())
    made = {
        "mask": session.noise([image], [disc], budget=BUDGET)[0],
        "auto": session.noise([image], [None], budget=BUDGET)[0],
        "whole": session.noise([image], [None], budget=BUDGET, target="whole")[0],
        "limited": session.noise([image], [disc], budget=LIMITED)[0],
        "limited-whole": session.noise([image], [None], budget=LIMITED, target="whole")[0],
        "uniform": session.noise([image], [None], budget=BUDGET, target="uniform")[0],
    }
    fields = {name: (one.field, one.mask) for name, one in made.items()}
    fields["per-class"] = (PerClassField(made["mask"].field, np.where(disc, 7, -1)), disc)
    fields["texture"] = (ArrayField(texture_noise(disc)), disc)
    fields["random"] = (ArrayField(random_noise(*disc.shape, np.random.default_rng(0))), disc)
    changes = {name: change(image, field, mask) for name, (field, mask) in fields.items()}
    wide, disc = picture(60, 1200)  # as large as it is wide: cells follow the longer side
    large = session.noise([wide], [disc], budget=LIMITED)[0]
    return changes | {"large": change(wide, large.field, large.mask)}


def change(image: U8Array, field: Rows, mask: np.ndarray) -> np.ndarray:
    """(H, W, 3) int8: what the noise makes of the picture, less the picture."""
    return (add_noise(image, "rgb", field, mask, BUDGET).astype(np.int16) - image).astype(np.int8)


if __name__ == "__main__":
    REFERENCE.parent.mkdir(exist_ok=True)
    np.savez_compressed(REFERENCE, version=np.array(NOISE_CODE), **drawn())
    print(f"wrote {REFERENCE} for version {NOISE_CODE}")

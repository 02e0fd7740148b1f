"""Error-minimising noise (Huang et al., Unlearnable Examples, ICLR 2021): each picture has its own, found by descent on a network's loss.

Two take turns. A network learns from the pictures with their noise as it is, and the noise goes where that network's loss is smaller still:
what is left to learn from the pictures themselves shrinks. Here both see batches augmented as victims do, or a zoom would undo the noise.
It is the slow way, which costs as much as several trainings for each data set, and what a generator's single pass is measured against. The
network is none of the victims that are measured, though it may be of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unseg_cli.bench.augmentation import AUGMENTATIONS
from unseg_cli.bench.examples import Examples
from unseg_cli.bench.tasks import Task
from unseg_cli.bench.victims.base import Victim, VictimSpec
from unseg_cli.bench.victims.registry import VICTIMS, find_victim, schedule_for
from unseg_cli.core.events import Events

#: Of the square pictures that the noise is found on; it is enlarged to theirs.
SIDE = 256
#: How often the two take turns, and the steps of the network in a turn; the noise of every picture then makes `NOISE_STEPS`.
ROUNDS, NETWORK_STEPS, NOISE_STEPS = 10, 20, 2
#: How far the noise goes in a step, as a share of its bound.
STEP = 0.2
BATCH, AUGMENT = 16, AUGMENTATIONS["jitter"]
#: The noise is kept as whole numbers from minus this to this.
TOP = 127

Int8Array = npt.NDArray[np.int8]


def minimise(
    noise: Int8Array,
    pictures: Examples,
    bounds: Tensor,
    *,
    task: Task,
    classes: Sequence[str],
    things: Sequence[int],
    device: torch.device,
    events: Events,
) -> Victim:
    """Find the noise of a data set, in place.

    Args:
        noise: (N, 3, S, S) in [-`TOP`, `TOP`], a share of the bounds; zero at first.
        pictures: N clean ones of S x S.
        bounds: (N, S, S) uint8: how far each pixel may be moved, in 1/255.
        task: of the data.
        classes: their names.
        things: the labels of those whose objects are told apart.
        device: where the network learns.
        events: a step is advanced for each batch.

    Returns:
        The network as it ends: the first victim of `unseg victims` that does the task, on its usual encoder.
    """
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    entry = find_victim(next(name for name, known in VICTIMS.items() if task.name in known.tasks))
    spec = VictimSpec(task=task.name, classes=tuple(classes), pretrained=True, side=pictures.images.shape[-1], things=tuple(things))
    victim = entry.build(spec).to(device).train()
    optimizer = torch.optim.AdamW(victim.parameters(), lr=schedule_for(entry, task.name).lr)

    def loss_of(chosen: list[int], moved: Tensor) -> Tensor:
        """With the noise `moved`, (B, 3, S, S) in [-1, 1], of these pictures."""
        clean, bound = pictures.images[chosen].to(device).float(), bounds[chosen].to(device)[:, None]
        batch = AUGMENT((clean + moved * bound).clamp(0, 255), [pictures.targets[place] for place in chosen], draw)
        return victim.loss(batch)

    def stored(chosen: list[int]) -> Tensor:
        return torch.from_numpy(noise[chosen]).to(device).float() / TOP

    batches = -(-len(pictures) // BATCH)
    events.start(ROUNDS * (NETWORK_STEPS + NOISE_STEPS * batches), "error-minimising noise")
    for _ in range(ROUNDS):
        for _ in range(NETWORK_STEPS):
            chosen = torch.randperm(len(pictures), generator=draw)[:BATCH].tolist()
            optimizer.zero_grad(set_to_none=True)
            loss_of(chosen, stored(chosen)).backward()
            optimizer.step()
            events.advance()
        for first in range(0, len(pictures), BATCH):
            chosen = list(range(first, min(first + BATCH, len(pictures))))
            for _ in range(NOISE_STEPS):
                moved = stored(chosen).requires_grad_(True)
                (gradient,) = torch.autograd.grad(loss_of(chosen, moved), moved, allow_unused=True)
                if gradient is not None:  # None: nothing but void
                    better = (moved.detach() - STEP * gradient.sign()).clamp(-1, 1)
                    noise[chosen] = (better * TOP).round().to(torch.int8).cpu().numpy()
                events.advance()
    events.stop()
    return victim

"""`unseg train --dry-run`: what the data hold, and what a training with them would be."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F

from unseg_cli.core.errors import UnsegError
from unseg_cli.core.events import Events, Failures, Report, interruptible
from unseg_cli.datasets.batches import pictures_in
from unseg_cli.datasets.training_set import SizeMismatch, TrainingSet
from unseg_cli.models.build import Generator, build_generator, build_surrogate, recompute
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.models.specs import GeneratorSpec
from unseg_cli.noise.tensors import perturb
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.memory import activation_bytes
from unseg_cli.train.schedule import FINDING, Schedule
from unseg_cli.train.setup import open_sets, schedule_of, spec_of, starting_weights
from unseg_cli.train.start import learning_parameters

#: So many pictures are looked at, evenly spread; of more, as many more minutes would not say more.
LOOKED_AT = 2000
FLOAT = 4  # bytes
#: Adam keeps two values a parameter.
MOMENTS = 2


@dataclass
class Look:
    """What was found in a sample of the pictures."""

    looked_at: int = 0
    empty_masks: int = 0
    mismatched: int = 0
    unreadable: int = 0


def dry_run(config: TrainConfig, events: Events) -> Report:
    """Look at the data and the settings; nothing is written, no network runs.

    Returns:
        `{"schema": 1, "command": "train", "dry_run": true, "pictures", "looked_at", "empty_masks", "mismatched", "unreadable", "failures":
        [{"path", "error", "hint"}], "generator": {"name", "learn", "frozen"}, "surrogate": {"learn", "frozen"}, "steps": {kind: ..},
        "memory_gb": {"networks", "activations"}, "weights": {setting: sha256}}`, in numbers of parameters. Exit code 1 where a picture
        cannot be used.

    Raises:
        UnsegError: no data, no weights to start from.
    """
    spec = spec_of(config)
    weights = starting_weights(config)
    hashes = weights.hashes(spec)
    sets = open_sets(config, events)
    schedule = schedule_of(config, pictures_in(sets))
    failures = Failures(events)
    look = look_at(sets, failures, events)
    with torch.device("meta"):
        generator, surrogate = build_generator(spec).to("meta"), build_surrogate(spec, config.surrogate_size)
    for network in (generator, surrogate):
        recompute(network, config.recompute)
    learn = learning_parameters(generator, finding=schedule.objects + schedule.focus > 0)
    document = {"schema": 1, "command": "train", "dry_run": True, "pictures": pictures_in(sets), **asdict(look), "failures": failures}
    document["generator"] = {"name": spec.name, "learn": learn, "frozen": sum(p.numel() for p in generator.parameters()) - learn}
    of_surrogate = sum(p.numel() for p in surrogate.parameters() if p.requires_grad)
    document["surrogate"] = {"learn": of_surrogate, "frozen": sum(p.numel() for p in surrogate.parameters()) - of_surrogate}
    document["steps"] = steps_of(schedule)
    document["memory_gb"] = memory(config, spec, generator, surrogate, learn + of_surrogate)
    document["weights"] = hashes
    closing = ["memory is an estimate; nothing was written"]
    if look.looked_at < pictures_in(sets):
        closing.insert(0, f"{look.looked_at} of {pictures_in(sets)} pictures were looked at")
    return Report(document=document, exit_code=1 if failures else 0, closing=tuple(closing))


def look_at(sets: list[TrainingSet], failures: Failures, events: Events) -> Look:
    """Read pictures with a mask each, evenly spread over the sets."""
    starts = np.cumsum([0, *(len(pictures) for pictures in sets)])
    places = np.linspace(0, starts[-1] - 1, min(LOOKED_AT, int(starts[-1]))).astype(int)
    look, rng = Look(), np.random.default_rng(0)
    with interruptible(events, what="looking at pictures", total=len(places), finished=lambda: look.looked_at):
        for place in places:
            which = int(np.searchsorted(starts, place, side="right")) - 1
            pictures, index = sets[which], int(place - starts[which])
            look.looked_at += 1
            try:
                look.empty_masks += not pictures.read(index, rng).mask.any()
            except UnsegError as problem:
                look.mismatched += isinstance(problem, SizeMismatch)
                look.unreadable += not isinstance(problem, SizeMismatch)
                failures.add(str(pictures.samples[index].image), problem)
            events.advance()
    return look


def steps_of(schedule: Schedule) -> dict[str, int]:
    """Steps of each kind, those that there are."""
    bilevel = range(*schedule.stages[-1])
    surrogate = sum(schedule.turn(step) == "surrogate" for step in bilevel)
    steps = dict(zip(FINDING, (schedule.objects, schedule.focus), strict=True)) | {
        "surrogate": surrogate,
        "noise": len(bilevel) - surrogate,
    }
    return {kind: count for kind, count in steps.items() if count}


def memory(config: TrainConfig, spec: GeneratorSpec, generator: Generator, surrogate: PromptableSegmenter, learn: int) -> dict[str, float]:
    """Gigabytes in single precision: networks with their gradients and moments; activations of the step that keeps most.

    Args:
        config: the settings.
        spec: the generator's.
        generator: on the meta device.
        surrogate: on the meta device.
        learn: parameters that learn, of both.
    """
    parameters = sum(p.numel() for network in (generator, surrogate) for p in network.parameters())
    networks = FLOAT * (parameters + learn * (1 + MOMENTS))
    count = -(-config.batch_size // config.accumulate)
    image = torch.zeros(count, 3, spec.image_size, spec.image_size, device="meta")
    mask = torch.zeros(count, 1, spec.image_size, spec.image_size, device="meta")
    prompt = Prompt(mask=mask)

    def noise_step() -> torch.Tensor:
        with torch.no_grad():
            embedding = generator.embed(image)
        noise = F.interpolate(generator.draw(embedding, image, prompt), image.shape[-2:], mode="bilinear", align_corners=False)
        seen = perturb(image, noise, mask, config.step_settings.budget)
        return surrogate.train()(F.interpolate(seen, (surrogate.image_size,) * 2, mode="bilinear", antialias=True), prompt)

    steps = [noise_step]
    if max(config.object_epochs, config.focus_epochs) > 0:
        steps.append(lambda: generator.train().segment(generator.embed(image), prompt))
    activations = max(activation_bytes(step, generator, surrogate) for step in steps) * (0.5 if config.amp else 1)
    return {"networks": round(networks / 1e9, 2), "activations": round(activations / 1e9, 2)}

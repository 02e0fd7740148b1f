"""From the settings to what a training consists of: the generator's spec, the starting weights, the learners, the schedule."""

from __future__ import annotations

from itertools import chain

from unseg_cli.core.errors import UsageProblem, did_you_mean
from unseg_cli.core.events import Events
from unseg_cli.datasets.registry import open_training
from unseg_cli.datasets.training_set import TrainingSet, check_objects
from unseg_cli.models.build import recompute
from unseg_cli.models.specs import SPECS, GeneratorSpec
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.learners import Learners, make_learners
from unseg_cli.train.processes import Processes
from unseg_cli.train.schedule import Schedule, plan
from unseg_cli.train.start import StartingWeights, initial_generator, initial_surrogate


def spec_of(config: TrainConfig) -> GeneratorSpec:
    """The generator's spec at the training's image size.

    Raises:
        UsageProblem: an unknown generator, or stages that it does not have.
    """
    if config.generator not in SPECS:
        raise UsageProblem(f"no generator is called {config.generator!r}", hint=did_you_mean(config.generator, list(SPECS)))
    spec = SPECS[config.generator].at_size(config.image_size)
    if max(config.object_epochs, config.focus_epochs) > 0 and not spec.finds_objects:
        raise UsageProblem(f"{spec.name} does not find objects", hint="pass --object-epochs 0 --focus-epochs 0")
    return spec


def starting_weights(config: TrainConfig) -> StartingWeights:
    """The files that the settings name."""
    return StartingWeights(
        init=config.init, sam_checkpoint=config.sam_checkpoint, sam_parts=config.sam_parts, surrogate=config.surrogate_weights
    )


def open_sets(config: TrainConfig, events: Events) -> list[TrainingSet]:
    """The data; what is worth knowing of them is told.

    Raises:
        UsageProblem: nothing usable there, or masks that mark nothing.
    """
    sets = open_training(config.data)
    check_objects(sets)
    for note in chain.from_iterable(one.notes for one in sets):
        events.warn(note)
    return sets


def build_learners(config: TrainConfig, spec: GeneratorSpec, processes: Processes, events: Events) -> Learners:
    """Networks with their starting weights, on the device."""
    weights = starting_weights(config)
    generator = initial_generator(spec, weights)
    surrogate = initial_surrogate(spec, config.surrogate_size, weights, events)
    for network in (generator, surrogate):
        recompute(network, config.recompute)
    return make_learners(
        generator, surrogate, config.rates, settings=config.step_settings, processes=processes, accumulate=config.accumulate
    )


def schedule_of(config: TrainConfig, pictures: int) -> Schedule:
    """The schedule for so many pictures."""
    return plan(
        epochs=(config.object_epochs, config.focus_epochs, config.epochs),
        steps_per_epoch=max(1, pictures // config.batch_size),
        max_steps=config.max_steps,
        block_steps=config.block_steps,
        surrogate_every=config.surrogate_every,
    )

"""The three kinds of training step; each returns a loss to be minimised by its own optimiser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unseg_cli.datasets.batches import Batch
from unseg_cli.models.build import Generator
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.noise.arithmetic import luma, perturb
from unseg_cli.train.config import TrainConfig
from unseg_cli.train.degradations import degrade
from unseg_cli.train.losses import mask_loss
from unseg_cli.train.prompts import prompt_of, random_kinds


def object_step(generator: PromptableSegmenter, batch: Batch, config: TrainConfig, rng: torch.Generator, empty_share: float) -> Tensor:
    """First stages: predict the true mask, prompted or not. Without a prompt only pictures with one clear object count.

    Without a prompt, a picture without an object teaches that there is none.
    """
    kinds = random_kinds(rng, single=True, empty_share=empty_share if batch.salient.all() else 0.0)
    mask = promptable(batch.mask) if kinds else batch.mask
    logits = generator.predict_mask(batch.image, prompt_of(kinds, mask, batch.image.shape[-1], rng))
    return mask_loss(logits, mask, points=config.loss_points)


def surrogate_step(generator: Generator, surrogate: PromptableSegmenter, batch: Batch, config: TrainConfig, rng: torch.Generator) -> Tensor:
    """Lower level: the surrogate learns the true masks on protected pictures, as an attacker's model would."""
    batch = protectable(batch, config, rng)
    with torch.no_grad():
        noise = generator(batch.image, generator_prompt(generator, batch.mask, config, rng))
    return _surrogate_loss(surrogate, noise, batch, batch.mask, config, rng)


def noise_step(generator: Generator, surrogate: PromptableSegmenter, batch: Batch, config: TrainConfig, rng: torch.Generator) -> Tensor:
    """Upper level: the noise makes the surrogate's task easier, so that a model trained on it need not look at the picture.

    With label modification the surrogate is asked for an all-ones mask instead (the paper's way).
    """
    batch = protectable(batch, config, rng)
    noise = generator(batch.image, generator_prompt(generator, batch.mask, config, rng))
    target = torch.ones_like(batch.mask) if config.label_modification else batch.mask
    with frozen(surrogate):
        return _surrogate_loss(surrogate, noise, batch, target, config, rng)


def generator_prompt(generator: Generator, mask: Tensor, config: TrainConfig, rng: torch.Generator) -> Prompt:
    """A random non-empty subset of the prompt kinds; sometimes none, where the generator can find the object by itself."""
    empty_share = config.prompt_free_share / 2 if generator.spec.finds_objects else 0.0
    kinds = random_kinds(rng, single=False, empty_share=empty_share)
    return prompt_of(kinds, mask, generator.spec.image_size, rng)


def sometimes_grey(batch: Batch, share: float, rng: torch.Generator) -> Batch:
    """The batch, or with probability `share` its pictures without colour."""
    if torch.rand((), generator=rng) >= share:
        return batch
    return replace(batch, image=luma(batch.image).expand_as(batch.image).contiguous(memory_format=torch.channels_last))


def protectable(batch: Batch, config: TrainConfig, rng: torch.Generator) -> Batch:
    """The batch as the bilevel loop takes it: sometimes grey, and protected as a whole where there is no object."""
    batch = sometimes_grey(batch, config.grey_share, rng)
    return replace(batch, mask=promptable(batch.mask))


def promptable(mask: Tensor) -> Tensor:
    """(B, 1, H, W): everything where nothing is marked, since every prompt has to point at something."""
    return torch.where(mask.amax((1, 2, 3), keepdim=True) > 0, mask, 1.0)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """No gradients for the parameters, while those for the input still pass through."""
    states = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    for parameter, _ in states:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, state in states:
            parameter.requires_grad_(state)


def _surrogate_loss(
    surrogate: PromptableSegmenter, noise: Tensor, batch: Batch, target: Tensor, config: TrainConfig, rng: torch.Generator
) -> Tensor:
    """Loss of the surrogate on the protected batch, seen after what publishing does to pictures, with one kind of prompt or none."""
    size = batch.image.shape[-1]
    noise = F.interpolate(noise, (size, size), mode="bilinear", align_corners=False)
    protected = degrade(perturb(batch.image, noise, batch.mask, config.budget), surrogate.image_size, rng, strength=config.degrade)
    kinds = random_kinds(rng, single=True, empty_share=config.prompt_free_share)
    prompt = prompt_of(kinds, batch.mask, surrogate.image_size, rng)
    return mask_loss(surrogate(protected, prompt), target, points=config.loss_points)

"""The kinds of training step; each returns a loss to be minimised by its own optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unseg_cli.core.errors import UnsegError
from unseg_cli.datasets.batches import Batch
from unseg_cli.models.build import Generator
from unseg_cli.models.prompt import Prompt
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.noise.tensors import luma, perturb
from unseg_cli.train.config import StepSettings
from unseg_cli.train.schedule import FINDING
from unseg_cli.train.steps.degradations import degrade
from unseg_cli.train.steps.draws import Draws
from unseg_cli.train.steps.losses import mask_loss
from unseg_cli.train.steps.prompts import prompt_of, random_kinds


def loss_of(turn: str, generator: Generator, surrogate: PromptableSegmenter, batch: Batch, settings: StepSettings, draws: Draws) -> Tensor:
    """The loss of one step of this kind.

    Raises:
        UnsegError: it is not finite.
    """
    if turn in FINDING:
        empty_share = settings.focus_prompt_free_share if turn == "focus" else settings.prompt_free_share
        loss = object_step(generator, batch, settings, draws, empty_share)
    elif turn == "surrogate":
        loss = surrogate_step(generator, surrogate, batch, settings, draws)
    else:
        loss = noise_step(generator, surrogate, batch, settings, draws)
    if not math.isfinite(loss.item()):
        raise UnsegError(f"the {turn} loss is {loss.item()}", hint="start again with a lower --lr, in another --out")
    return loss


def object_step(generator: Generator, batch: Batch, settings: StepSettings, draws: Draws, empty_share: float) -> Tensor:
    """First stages: predict the true mask, prompted or not. Without a prompt only pictures with one clear object count.

    Without a prompt, a picture without an object teaches that there is none.
    """
    kinds = random_kinds(draws, single=True, empty_share=empty_share if batch.salient else 0.0)
    mask = promptable(batch.mask) if kinds else batch.mask
    logits = generator.segment(generator.embed(batch.image), prompt_of(kinds, mask, batch.image.shape[-1], draws))
    return mask_loss(logits, mask, draws, points=settings.loss_points)


def surrogate_step(generator: Generator, surrogate: PromptableSegmenter, batch: Batch, settings: StepSettings, draws: Draws) -> Tensor:
    """Lower level: the surrogate learns the true masks on protected pictures, as an attacker's model would."""
    batch = protectable(batch, settings, draws)
    with torch.no_grad():
        noise = generator(batch.image, generator_prompt(generator, batch.mask, settings, draws))
    return _surrogate_loss(surrogate, noise, batch, batch.mask, settings, draws)


def noise_step(generator: Generator, surrogate: PromptableSegmenter, batch: Batch, settings: StepSettings, draws: Draws) -> Tensor:
    """Upper level: the noise makes the surrogate's task easier, so that a model trained on it need not look at the picture.

    With label modification the surrogate is asked for an all-ones mask instead (the paper's way).
    """
    batch = protectable(batch, settings, draws)
    prompt = generator_prompt(generator, batch.mask, settings, draws)
    with torch.no_grad():  # the image encoder does not learn here: no way back through it
        embedding = generator.embed(batch.image)
    noise = generator.draw(embedding, batch.image, prompt)
    target = torch.ones_like(batch.mask) if settings.label_modification else batch.mask
    with frozen(surrogate):
        return _surrogate_loss(surrogate, noise, batch, target, settings, draws)


def generator_prompt(generator: Generator, mask: Tensor, settings: StepSettings, draws: Draws) -> Prompt:
    """A random non-empty subset of the prompt kinds; sometimes none, where the generator can find the object by itself."""
    empty_share = settings.prompt_free_share / 2 if generator.spec.finds_objects else 0.0
    kinds = random_kinds(draws, single=False, empty_share=empty_share, of=settings.prompt_kinds)
    return prompt_of(kinds, mask, generator.spec.image_size, draws)


def sometimes_grey(batch: Batch, share: float, draws: Draws) -> Batch:
    """The batch, or with probability `share` its pictures without colour."""
    if draws.chance() >= share:
        return batch
    return replace(batch, image=luma(batch.image).expand_as(batch.image).contiguous(memory_format=torch.channels_last))


def protectable(batch: Batch, settings: StepSettings, draws: Draws) -> Batch:
    """The batch as the bilevel loop takes it: sometimes grey, and protected as a whole where there is no object."""
    batch = sometimes_grey(batch, settings.grey_share, draws)
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
    surrogate: PromptableSegmenter, noise: Tensor, batch: Batch, target: Tensor, settings: StepSettings, draws: Draws
) -> Tensor:
    """Loss of the surrogate on the protected batch, seen after what publishing does to pictures, with one kind of prompt or none."""
    size = batch.image.shape[-1]
    noise = F.interpolate(noise, (size, size), mode="bilinear", align_corners=False)
    protected = degrade(perturb(batch.image, noise, batch.mask, settings.budget), surrogate.image_size, draws, strength=settings.degrade)
    kinds = random_kinds(draws, single=True, empty_share=settings.prompt_free_share)
    prompt = prompt_of(kinds, batch.mask, surrogate.image_size, draws)
    return mask_loss(surrogate(protected, prompt), target, draws, points=settings.loss_points)

"""What a training carries from step to step: networks, optimisers, and the checkpoint they are saved in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from unseg_cli.core.errors import EnvironmentProblem, UnsegError, UsageProblem
from unseg_cli.core.runs import write_atomically
from unseg_cli.generators.files import load_sam_parts, load_weights, weights_file
from unseg_cli.generators.foreign import load_sam_checkpoint, read_state_dict
from unseg_cli.models.build import Generator, build_generator
from unseg_cli.models.imagenet import load_imagenet_lite0
from unseg_cli.models.lite.encoder import LiteImageEncoder
from unseg_cli.models.lite.generator import LiteGenerator
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.models.specs import SPECS, GeneratorSpec
from unseg_cli.models.surrogate import build_surrogate
from unseg_cli.train.config import TrainConfig

BACKBONE_RATE = 0.25  # a pretrained backbone forgets at the rate that new layers need
CHECKPOINT = "checkpoint.safetensors"
STATE = "checkpoint_state.pt"
FINDING = ("objects", "focus")  # kinds of step in which the generator learns to find objects
TURNS = (*FINDING, "surrogate", "noise")  # all kinds of step


@dataclass(kw_only=True)
class Learners:
    """Generator, surrogate, and an optimiser for each kind of step."""

    generator: Generator
    surrogate: PromptableSegmenter
    optimisers: dict[str, torch.optim.Optimizer]

    def set_turn(self, turn: str) -> None:
        """Train mode where the step learns, eval mode elsewhere; in the bilevel stage only the noise head of the generator learns."""
        self.generator.train(turn in FINDING)
        self.surrogate.train(turn == "surrogate")

    def update(self, turn: str, loss: Tensor, rate: float) -> None:
        """One optimiser step at `rate` times the base learning rate."""
        optimiser = self.optimisers[turn]
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * rate
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
        optimiser.step()


def build_learners(config: TrainConfig, device: torch.device) -> Learners:
    """Networks with their starting weights, on the device.

    Raises:
        UsageProblem: settings that do not fit the generator.
        EnvironmentProblem: weights to start from are missing.
    """
    generator = initial_generator(config)
    if max(config.object_epochs, config.focus_epochs) > 0 and not isinstance(generator, LiteGenerator):
        raise UsageProblem(f"{generator.spec.name} does not find objects", hint="--object-epochs 0 --focus-epochs 0")
    surrogate = build_surrogate(generator.spec, config.surrogate_size)
    if isinstance(surrogate.image_encoder, LiteImageEncoder):
        load_imagenet_lite0(surrogate.image_encoder.backbone)
    elif config.surrogate_init is not None:
        load_vit_backbone(surrogate.image_encoder, config.surrogate_init)
    for network in (generator, surrogate):
        network.to(device).to(memory_format=torch.channels_last)
    noise = generator.noise_parameters()
    optimisers: dict[str, torch.optim.Optimizer] = {
        "noise": _optimiser([(noise, config.noise_lr)], weight_decay=0.0),
        "surrogate": _optimiser(_groups(surrogate, config.surrogate_lr), weight_decay=1e-4),
    }
    for turn, epochs in zip(FINDING, (config.object_epochs, config.focus_epochs), strict=True):
        if epochs > 0:
            optimisers[turn] = _optimiser(_groups(generator, config.lr, without=noise), weight_decay=1e-4)
    return Learners(generator=generator, surrogate=surrogate, optimisers=optimisers)


def initial_generator(config: TrainConfig) -> Generator:
    """The generator before the first step."""
    spec = spec_of(config)
    if spec.kind == "lite":
        generator = build_generator(spec)
        if config.init is not None:
            generator.load_state_dict(resized(load_weights(weights_file(config.init)), generator))
        elif isinstance(generator, LiteGenerator):
            load_imagenet_lite0(generator.lite_encoder.backbone)
            load_sam_parts(generator, config.sam_parts or weights_file("lite"))
        return generator
    generator = build_generator(spec)
    if config.init is None:
        raise EnvironmentProblem(f"training {spec.name} starts from SAM's weights", hint="give --init sam_vit_b_01ec64.pth")
    load_sam_checkpoint(generator, Path(config.init))
    for name, parameter in generator.named_parameters():
        parameter.requires_grad_("noise_" in name)
    return generator


def spec_of(config: TrainConfig) -> GeneratorSpec:
    """The generator's spec at the training's image size."""
    spec = SPECS[config.generator]
    if config.image_size is None or config.image_size == spec.image_size:
        return spec
    noise_size = spec.noise_size if spec.kind == "lite" else 4 * config.image_size // spec.embed_stride
    return dataclasses.replace(spec, image_size=config.image_size, noise_size=noise_size)


def resized(source: Generator, target: Generator) -> dict[str, Tensor]:
    """The state dict of a generator trained at another image size: all tensors of the lite kind are free of it.

    Raises:
        UsageProblem: another kind of generator.
    """
    if source.spec.kind != target.spec.kind:
        raise UsageProblem(f"--init holds a {source.spec.name} generator", hint=f"give one of {target.spec.name}")
    return source.state_dict()


def load_vit_backbone(encoder: nn.Module, path: Path) -> None:
    """MAE weights for a ViT surrogate: the tensors that both have, which must be nearly all blocks.

    Raises:
        UsageProblem: the file has no ViT blocks of this width.
    """
    own = encoder.state_dict()
    fitting = {name: tensor for name, tensor in read_state_dict(path).items() if name in own and own[name].shape == tensor.shape}
    blocks = sum(name.startswith("blocks.") for name in own if "rel_pos" not in name)
    if sum(name.startswith("blocks.") for name in fitting) < 0.9 * blocks:
        raise UsageProblem(f"{path} does not fit the surrogate's ViT", hint="give MAE weights of the same width and depth")
    encoder.load_state_dict(fitting, strict=False)


def save_checkpoint(config: TrainConfig, learners: Learners, step: int) -> None:
    """Weights as safetensors, optimisers and step beside them; the step in both tells whether they belong together."""
    tensors = {f"generator.{k}": v.contiguous() for k, v in learners.generator.state_dict().items()}
    tensors |= {f"surrogate.{k}": v.contiguous() for k, v in learners.surrogate.state_dict().items()}
    tensors["step"] = torch.tensor(step)
    state = {"step": step, "optimisers": {name: optimiser.state_dict() for name, optimiser in learners.optimisers.items()}}
    write_atomically(config.out / STATE, lambda part: torch.save(state, part))
    write_atomically(config.out / CHECKPOINT, lambda part: save_file(tensors, str(part)))


def load_checkpoint(config: TrainConfig, learners: Learners) -> int:
    """Restore, and return the number of steps done.

    Raises:
        UnsegError: nothing to resume, or the two files are of different steps (a kill came between them).
    """
    if not (config.out / CHECKPOINT).exists() or not (config.out / STATE).exists():
        raise UnsegError(f"{config.out} holds no checkpoint", hint="leave --resume away to start")
    tensors = load_file(str(config.out / CHECKPOINT))
    state = torch.load(config.out / STATE, map_location="cpu", weights_only=True)
    if int(tensors.pop("step")) != state["step"]:
        raise UnsegError(f"{config.out}: weights and state are of different steps", hint="start again in another folder")
    for name, module in (("generator", learners.generator), ("surrogate", learners.surrogate)):
        module.load_state_dict({k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")})
    for name, optimiser in learners.optimisers.items():
        optimiser.load_state_dict(state["optimisers"][name])
    return int(state["step"])


def _groups(segmenter: nn.Module, rate: float, *, without: Iterable[nn.Parameter] = ()) -> list[tuple[list[nn.Parameter], float]]:
    """The pretrained backbone at a lower rate than the rest."""
    excluded = {id(parameter) for parameter in without}
    slow: list[nn.Parameter] = []
    fast: list[nn.Parameter] = []
    for name, parameter in segmenter.named_parameters():
        if parameter.requires_grad and id(parameter) not in excluded:
            (slow if ".backbone." in name else fast).append(parameter)
    return [(group, group_rate) for group, group_rate in ((slow, rate * BACKBONE_RATE), (fast, rate)) if group]


def _optimiser(groups: list[tuple[list[nn.Parameter], float]], *, weight_decay: float) -> torch.optim.AdamW:
    return torch.optim.AdamW([{"params": params, "lr": rate, "base_lr": rate} for params, rate in groups], weight_decay=weight_decay)

"""The networks before the first step, and the weights that they start from. One row of `STARTS` for each kind of generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.generators.files import weights_file
from unseg_cli.generators.foreign import load_sam_checkpoint
from unseg_cli.generators.loading import load_sam_parts, load_weights
from unseg_cli.generators.mae import load_mae
from unseg_cli.generators.sums import intact_sha256
from unseg_cli.models.build import Generator, build_generator, build_surrogate
from unseg_cli.models.imagenet import load_imagenet_lite0
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.models.specs import GeneratorSpec

NOISE_HEAD = "noise_head."  # that of a file of an earlier version has other tensors: it starts anew


@dataclass(frozen=True, kw_only=True)
class StartingWeights:
    """Files that a training starts from; None: what the kind of generator starts from by itself.

    Attributes:
        init: a generator's name or file, or SAM's checkpoint.
        sam_parts: SAM's prompt encoder and mask decoder.
        surrogate_init: MAE's ViT.
    """

    init: str | None = None
    sam_parts: Path | None = None
    surrogate_init: Path | None = None

    def files(self, spec: GeneratorSpec) -> dict[str, Path]:
        """The files that are read for a generator of this spec, by the option that names them."""
        found = {}
        if self.init is not None:
            found["init"] = Path(self.init) if spec.takes_sam_checkpoint else weights_file(self.init)
        elif not spec.takes_sam_checkpoint:
            found["sam_parts"] = self.sam_parts or weights_file("lite")
        if self.surrogate_init is not None:
            found["surrogate_init"] = self.surrogate_init
        return found

    def hashes(self, spec: GeneratorSpec) -> dict[str, str]:
        """SHA-256 of each of them.

        Raises:
            EnvironmentProblem: one is absent, or not what the SHA256SUMS beside it says.
        """
        for option, path in self.files(spec).items():
            if not path.is_file():
                raise EnvironmentProblem(
                    f"--{option.replace('_', '-')} {path}: no such file", hint="check the path; nothing is downloaded by itself"
                )
        return {option: intact_sha256(path) for option, path in self.files(spec).items()}


def initial_generator(spec: GeneratorSpec, weights: StartingWeights) -> Generator:
    """The generator before the first step; what must not learn takes no gradient.

    Raises:
        UsageProblem: weights of another kind.
        EnvironmentProblem: weights are missing or damaged.
    """
    generator = build_generator(spec)
    STARTS[spec.kind].generator(generator, weights)
    return generator


def initial_surrogate(spec: GeneratorSpec, image_size: int, weights: StartingWeights, events: Events) -> PromptableSegmenter:
    """The surrogate before the first step, for square pictures of `image_size`.

    Raises:
        UsageProblem: weights that this kind does not take, or of another shape.
        EnvironmentProblem: weights are missing or damaged.
    """
    surrogate = build_surrogate(spec, image_size)
    STARTS[spec.kind].surrogate(surrogate, weights, events)
    return surrogate


def resized(source: Generator, target: Generator) -> dict[str, Tensor]:
    """The state dict of a generator trained at another image size: all tensors of the lite kind are free of it.

    Raises:
        UsageProblem: another kind of generator.
    """
    if source.spec.kind != target.spec.kind:
        raise UsageProblem(f"--init holds a {source.spec.name} generator", hint=f"pass one of {target.spec.name}")
    return source.state_dict()


def _start_lite(generator: Generator, weights: StartingWeights) -> None:
    """A trained generator, or ImageNet's encoder with SAM's decoder."""
    if weights.init is not None:
        if weights.sam_parts is not None:
            raise UsageProblem("--sam-parts has no effect beside --init, which holds these parts already", hint="omit one of them")
        generator.load_state_dict(resized(load_weights(weights_file(weights.init), unless_other=NOISE_HEAD), generator))
        return
    load_imagenet_lite0(generator.image_encoder.get_submodule("backbone"))
    load_sam_parts(generator, weights.sam_parts or weights_file("lite"))


def _start_lite_surrogate(surrogate: PromptableSegmenter, weights: StartingWeights, events: Events) -> None:
    if weights.surrogate_init is not None:
        raise UsageProblem("--surrogate-init is for a surrogate that is a ViT", hint="omit it, or pass --preset paper")
    load_imagenet_lite0(surrogate.image_encoder.get_submodule("backbone"))


def _start_vit(generator: Generator, weights: StartingWeights) -> None:
    """SAM, all of it frozen but the noise decoder."""
    if weights.sam_parts is not None:
        raise UsageProblem(
            f"--sam-parts has no effect on {generator.spec.name}, which takes all of SAM", hint="omit it; --init names SAM's file"
        )
    if weights.init is None:
        raise EnvironmentProblem(f"training {generator.spec.name} starts from SAM's weights", hint="pass --init sam_vit_b_01ec64.pth")
    load_sam_checkpoint(generator, Path(weights.init))
    for name, parameter in generator.named_parameters():
        parameter.requires_grad_("noise_" in name)


def _start_vit_surrogate(surrogate: PromptableSegmenter, weights: StartingWeights, events: Events) -> None:
    """MAE's encoder as in the paper, where its weights are at hand; its decoder starts at random."""
    if weights.surrogate_init is None:
        events.warn("the surrogate starts at random; the paper's starts from MAE: pass --surrogate-init mae_pretrain_vit_base.pth")
        return
    taken, of = load_mae(surrogate.image_encoder, weights.surrogate_init)
    events.info(f"{weights.surrogate_init}: the surrogate's image encoder took {taken} of its {of} tensors, the others keep their start")


@dataclass(frozen=True, kw_only=True)
class _Start:
    generator: Callable[[Generator, StartingWeights], None]
    surrogate: Callable[[PromptableSegmenter, StartingWeights, Events], None]


#: `GeneratorSpec.kind` -> what fills its generator and its surrogate.
STARTS: dict[str, _Start] = {
    "lite": _Start(generator=_start_lite, surrogate=_start_lite_surrogate),
    "sam_vit": _Start(generator=_start_vit, surrogate=_start_vit_surrogate),
}

"""The networks before the first step, and the weights that they start from. One row of `STARTS` for each kind of generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.events import Events
from unseg_cli.generators.files import belongs_to, fetched_file, is_generator, named_weights, weights_file
from unseg_cli.generators.foreign import load_sam_checkpoint
from unseg_cli.generators.loading import load_sam_parts, load_weights
from unseg_cli.generators.mae import load_mae
from unseg_cli.generators.sums import intact_sha256
from unseg_cli.models.build import Generator, build_generator, build_surrogate
from unseg_cli.models.imagenet import load_imagenet_lite0
from unseg_cli.models.segmenter import PromptableSegmenter
from unseg_cli.models.specs import GeneratorSpec

RANDOM = "random"  # instead of a file: no weights, as an ablation
NOISE_HEAD = "noise_head."  # that of a file of an earlier version has other tensors: it starts anew


@dataclass(frozen=True, kw_only=True)
class StartingWeights:
    """Files that a training starts from; None: what the kind of generator starts from by itself.

    Attributes:
        init: a generator's name or file, SAM's checkpoint, or `RANDOM`.
        sam_checkpoint: SAM's own file, where `init` is a generator that holds a noise decoder alone.
        sam_parts: SAM's prompt encoder and mask decoder.
        surrogate: weights of the surrogate's image encoder, or `RANDOM`.
    """

    init: str | None = None
    sam_checkpoint: Path | None = None
    sam_parts: Path | None = None
    surrogate: str | None = None

    def files(self, spec: GeneratorSpec) -> dict[str, Path]:
        """The files that are read for a generator of this spec, by the setting that names them.

        Raises:
            EnvironmentProblem: SAM's is needed and not named.
        """
        start, found = STARTS[spec.kind], dict[str, Path]()
        if self.init is None:
            found |= start.by_itself(spec, self)
        elif self.init != RANDOM:
            found["init"] = start.find(self.init)
        if self.sam_checkpoint is not None:
            found["sam_checkpoint"] = self.sam_checkpoint
        if self.surrogate is not None and self.surrogate != RANDOM:
            found["surrogate_weights"] = Path(self.surrogate)
        return found

    def hashes(self, spec: GeneratorSpec) -> dict[str, str]:
        """SHA-256 of each of them.

        Raises:
            EnvironmentProblem: one is absent, or not what the SHA256SUMS beside it says, or SAM's is needed and not named.
        """
        files = self.files(spec)
        for option, path in files.items():
            if not path.is_file():
                raise EnvironmentProblem(
                    f"--{option.replace('_', '-')} {path}: no such file", hint="check the path; nothing is downloaded by itself"
                )
        return {option: intact_sha256(path) for option, path in files.items()}

    def sam_sha256(self, spec: GeneratorSpec, hashes: dict[str, str]) -> str | None:
        """SHA-256 of the SAM checkpoint that all but the noise decoder comes from; None: it comes from elsewhere, or nothing does.

        Args:
            spec: the generator's.
            hashes: what `hashes` said when the run began.
        """
        if not spec.takes_sam_checkpoint or self.init in (None, RANDOM):
            return None
        start = self.files(spec)["init"]
        return belongs_to(start) if is_generator(start) else hashes["init"]


def named_or_path(name_or_path: str) -> Path:
    """A generator or a fetched checkpoint of this name, or the file: SAM's own is none of ours."""
    return named_weights().get(name_or_path) or fetched_file(name_or_path) or Path(name_or_path)


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
    if weights.init == RANDOM:
        return
    if weights.init is not None:
        if weights.sam_parts is not None:
            raise UsageProblem("--sam-parts has no effect beside --init, which holds these parts already", hint="omit one of them")
        generator.load_state_dict(resized(load_weights(weights_file(weights.init), unless_other=NOISE_HEAD), generator))
        return
    load_imagenet_lite0(generator.image_encoder.get_submodule("backbone"))
    load_sam_parts(generator, weights.sam_parts or weights_file("lite"))


def _start_lite_surrogate(surrogate: PromptableSegmenter, weights: StartingWeights, events: Events) -> None:
    if weights.surrogate == RANDOM:
        return
    if weights.surrogate is not None:
        raise UsageProblem("--surrogate-weights FILE is for a surrogate that is a ViT", hint="omit it, or pass --preset paper")
    load_imagenet_lite0(surrogate.image_encoder.get_submodule("backbone"))


def _start_vit(generator: Generator, weights: StartingWeights) -> None:
    """SAM, all of it frozen but the noise decoder."""
    if weights.sam_parts is not None:
        raise UsageProblem(
            f"--sam-parts has no effect on {generator.spec.name}, which takes all of SAM", hint="omit it; --init names SAM's file"
        )
    assert weights.init is not None  # `hashes` looked
    if weights.init != RANDOM:
        start = named_or_path(weights.init)
        if is_generator(start):
            generator.load_state_dict(resized(load_weights(start, sam_checkpoint=weights.sam_checkpoint), generator))
        elif weights.sam_checkpoint is not None:
            raise UsageProblem("--sam-checkpoint has no effect beside --init with SAM's own file", hint="omit one of them")
        else:
            load_sam_checkpoint(generator, start)
    _freeze_sam(generator)


def _start_vit_surrogate(surrogate: PromptableSegmenter, weights: StartingWeights, events: Events) -> None:
    """MAE's encoder as in the paper, where its weights are at hand; its decoder starts at random."""
    if weights.surrogate == RANDOM:
        return
    if weights.surrogate is None:
        events.warn("the surrogate starts at random; the paper's starts from MAE: pass --surrogate-weights mae_pretrain_vit_base.pth")
        return
    taken, of = load_mae(surrogate.image_encoder, Path(weights.surrogate))
    events.info(f"{weights.surrogate}: the surrogate's image encoder took {taken} of its {of} tensors, the others keep their start")


def _start_sam_lite(generator: Generator, weights: StartingWeights) -> None:
    """The small SAM that a lite generator holds, all of it frozen; or a generator of this kind."""
    if weights.sam_parts is not None:
        raise UsageProblem(
            f"--sam-parts has no effect on {generator.spec.name}, which takes all of a generator", hint="omit it, or pass --init"
        )
    if weights.init != RANDOM:
        source = load_weights(weights_file(weights.init or "lite"))
        if source.spec.kind not in ("lite", generator.spec.kind):
            raise UsageProblem(f"--init holds a {source.spec.name} generator", hint=f"pass one of lite, or of {generator.spec.name}")
        tensors = {name: tensor for name, tensor in source.state_dict().items() if not name.startswith(NOISE_HEAD)}
        generator.load_state_dict({**generator.state_dict(), **tensors}, strict=True)
    _freeze_sam(generator)


def learning_parameters(generator: Generator, *, finding: bool) -> int:
    """How many parameters of a generator a training changes.

    Args:
        generator: of any kind, with or without weights.
        finding: whether it has the stages that teach the generator to find objects.
    """
    noise = {id(parameter) for parameter in generator.noise_parameters()}
    return sum(p.numel() for p in generator.parameters() if id(p) in noise or (finding and p.requires_grad))


def _freeze_sam(generator: Generator) -> None:
    """As in the paper: of a generator made of SAM only the noise decoder learns."""
    learning = {id(parameter) for parameter in generator.noise_parameters()}
    for parameter in generator.parameters():
        parameter.requires_grad_(id(parameter) in learning)


@dataclass(frozen=True, kw_only=True)
class _Start:
    """What a kind of generator starts from.

    Attributes:
        generator: fills it.
        surrogate: fills its surrogate.
        find: the file that --init names.
        by_itself: the files that are read where nothing is named.
    """

    generator: Callable[[Generator, StartingWeights], None]
    surrogate: Callable[[PromptableSegmenter, StartingWeights, Events], None]
    find: Callable[[str], Path]
    by_itself: Callable[[GeneratorSpec, StartingWeights], dict[str, Path]]


def _sam_is_needed(spec: GeneratorSpec, _weights: StartingWeights) -> dict[str, Path]:
    raise EnvironmentProblem(
        f"training {spec.name} starts from SAM's weights",
        hint="pass --init sam_vit_b_01ec64.pth, or fetch it first: `unseg weights fetch sam_vit_b`",
    )


#: `GeneratorSpec.kind` -> what its networks start from.
STARTS: dict[str, _Start] = {
    "lite": _Start(
        generator=_start_lite,
        surrogate=_start_lite_surrogate,
        find=weights_file,
        by_itself=lambda _spec, weights: {"sam_parts": weights.sam_parts or weights_file("lite")},
    ),
    "sam_vit": _Start(generator=_start_vit, surrogate=_start_vit_surrogate, find=named_or_path, by_itself=_sam_is_needed),
    "sam_lite": _Start(
        generator=_start_sam_lite,
        surrogate=_start_lite_surrogate,
        find=weights_file,
        by_itself=lambda _spec, _weights: {"init": weights_file("lite")},
    ),
}

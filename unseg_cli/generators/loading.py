"""Weights files and the networks that they are of: safetensors with the generator's spec in the header."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from unseg_cli.core.errors import EnvironmentProblem, UsageProblem
from unseg_cli.core.runs import write_atomically
from unseg_cli.generators.files import SAM_KEY, SPEC_KEY, belongs_to, cache_dir, describe, read_spec, weights_file
from unseg_cli.generators.foreign import NOISE_PREFIX, load_sam_checkpoint, read_state_dict
from unseg_cli.generators.sums import read_sums, sha256_of
from unseg_cli.models.build import Generator, build_generator


def save_generator(
    path: Path, generator: Generator, metadata: dict[str, str], *, half: bool = False, sam_sha256: str | None = None
) -> None:
    """Write weights and spec atomically.

    Args:
        path: the .safetensors file.
        generator: trained or not.
        metadata: further header entries, such as the training command.
        half: store float16, half the size; loading restores float32.
        sam_sha256: SHA-256 of the SAM checkpoint that all but the noise decoder is from: the noise decoder alone is stored, a tenth of
            the size or less. None: everything is.
    """
    header = {**metadata, SPEC_KEY: json.dumps(generator.spec.to_json())} | ({} if sam_sha256 is None else {SAM_KEY: sam_sha256})
    kept = {name: t for name, t in generator.state_dict().items() if sam_sha256 is None or name.startswith(NOISE_PREFIX)}
    tensors = {name: (t.half() if half and t.is_floating_point() else t).cpu().contiguous() for name, t in kept.items()}
    write_atomically(path, lambda part: save_file(tensors, str(part), header))


def load_weights(path: Path, *, unless_other: str | None = None, sam_checkpoint: Path | None = None) -> Generator:
    """Build the generator a file describes and fill it; strict.

    Args:
        path: the file.
        sam_checkpoint: SAM's own file, for one that holds a noise decoder alone; None: the one in the cache.
        unless_other: tensors whose names begin so are not read where the file has others under that name, but stay as they are built.

    Raises:
        UsageProblem: the file is not one of this project's, or does not fit its own spec.
        EnvironmentProblem: SAM's own file is needed, and is absent or another one.
    """
    generator = build_generator(read_spec(path))
    if (wanted := belongs_to(path)) is not None:
        load_sam_checkpoint(generator, _checkpoint(path, wanted, sam_checkpoint))
    tensors = {name: t.float() if t.is_floating_point() else t for name, t in load_file(str(path)).items()}
    if unless_other is not None:
        own = {name: tensor for name, tensor in generator.state_dict().items() if name.startswith(unless_other)}
        if own.keys() != {name for name in tensors if name.startswith(unless_other)}:
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(unless_other)} | own
    if wanted is not None:
        tensors = {name: t for name, t in generator.state_dict().items() if not name.startswith(NOISE_PREFIX)} | tensors
    try:
        generator.load_state_dict(tensors, strict=True)
    except RuntimeError as problem:
        raise UsageProblem(
            f"{path} does not fit its own spec: {str(problem).splitlines()[-1].strip()}", hint="get the file again"
        ) from None
    return generator


def load_generator(name_or_path: str = "lite", *, device: str | torch.device = "cpu", sam_checkpoint: Path | None = None) -> Generator:
    """A generator ready to protect: eval mode, no gradients, channels_last.

    Args:
        name_or_path: "lite" (shipped), "vit_b" (imported), or a .safetensors file.
        device: a resolved torch device.
        sam_checkpoint: (vit_b) SAM's own `sam_vit_b_01ec64.pth`: a file that holds a noise decoder alone is incomplete without it; in one
            that holds everything, SAM's weights replace the file's.

    Returns:
        The module, with `.source`, a `GeneratorFile`.

    Raises:
        UsageProblem: neither a name nor a file of this project, or a SAM checkpoint for a kind that is not made of SAM.
        EnvironmentProblem: a known name whose file is absent, or a file whose hash is not the recorded one.
    """
    path = weights_file(name_or_path)
    source = describe(path)
    generator = load_weights(path, sam_checkpoint=sam_checkpoint)
    if sam_checkpoint is not None and source.sam_checkpoint_sha256 is None:
        load_sam_checkpoint(generator, sam_checkpoint)
        source = replace(source, sam_checkpoint_sha256=sha256_of(sam_checkpoint))
    generator.source = source
    generator.to(device).to(memory_format=torch.channels_last)
    return generator.eval().requires_grad_(False)


def load_sam_parts(generator: nn.Module, path: Path) -> None:
    """Fill prompt encoder and mask decoder from a SAM checkpoint, lite weights, or any file with SAM's keys for the two.

    Raises:
        UsageProblem: the file lacks a tensor or has another shape.
    """
    tensors = read_state_dict(path)
    for part in ("prompt_encoder", "mask_decoder"):
        own = {key.removeprefix(part + "."): tensor.float() for key, tensor in tensors.items() if key.startswith(part + ".")}
        try:
            getattr(generator, part).load_state_dict(own, strict=True)
        except RuntimeError as problem:
            raise UsageProblem(
                f"{path} does not hold SAM's {part}: {str(problem).splitlines()[-1].strip()}", hint="use SAM's own weights"
            ) from None


def _checkpoint(path: Path, wanted: str, given: Path | None) -> Path:
    """The SAM checkpoint that the generator in `path` belongs to."""
    if given is None:
        given = next((cache_dir() / name for name, sha256 in read_sums(cache_dir()).items() if sha256 == wanted), None)
    if given is None:
        raise EnvironmentProblem(
            f"{path} holds a noise decoder alone",
            hint=f"pass --sam-checkpoint with SAM's own file that it was trained on (SHA-256 {wanted[:12]}...)",
        )
    if not given.is_file():
        raise EnvironmentProblem(f"--sam-checkpoint {given}: no such file", hint="check the path; `unseg weights fetch sam_vit_b` gets it")
    if (found := sha256_of(given)) != wanted:
        raise EnvironmentProblem(
            f"{given} is not the SAM checkpoint that {path} belongs to: its SHA-256 is {found[:12]}..., not {wanted[:12]}...",
            hint="pass the file that it was trained on",
        )
    return given

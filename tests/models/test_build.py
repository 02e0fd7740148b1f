"""Names and specs become networks; the package offers them without loading torch."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import torch

from tests.models.conftest import SAM
from unseg_cli.core.errors import UsageProblem
from unseg_cli.models.build import build_generator, build_surrogate
from unseg_cli.models.specs import SPECS


def test_the_package_alone_imports_nothing_heavy() -> None:
    code = (
        "import sys, unseg_cli.models\n"
        "from unseg_cli.models import GeneratorSpec\n"
        "assert {'GeneratorSpec', 'Prompt', 'build_generator'} <= set(dir(unseg_cli.models))\n"
        "heavy = {'torch', 'numpy', 'timm', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_its_public_names_are_those_of_the_interface() -> None:
    """Noise from a spec or a name, a picture and a prompt, and no file."""
    from unseg_cli.models import GeneratorSpec, Prompt, build_generator

    spec = SPECS["lite"].at_size(64)
    assert isinstance(spec, GeneratorSpec)
    noise = build_generator(spec).eval()(torch.rand(1, 3, 64, 64), Prompt(points=torch.full((1, 1, 2), 20.0)))
    assert noise.shape == (1, 3, spec.noise_size, spec.noise_size) and noise.abs().max() <= 1
    with torch.device("meta"):
        assert build_generator("vit_b").spec.image_size == 1024
    assert Prompt().empty


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    import unseg_cli.models

    with pytest.raises(AttributeError, match="no attribute 'build_victim'"):
        unseg_cli.models.build_victim  # noqa: B018


def test_unknown_names_and_kinds_are_usage_problems() -> None:
    with pytest.raises(UsageProblem) as caught:
        build_generator("vit_bb")
    assert "vit_b" in caught.value.hint
    stranger = dataclasses.replace(SAM, kind="mamba")
    for build in (lambda: build_generator(stranger), lambda: build_surrogate(stranger, 64)):
        with pytest.raises(UsageProblem, match="unknown generator kind 'mamba'"):
            build()

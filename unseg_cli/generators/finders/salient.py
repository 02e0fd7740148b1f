"""The second finder in PyTorch: U2-Net-p."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from unseg_cli.core.constants import FloatArray, U8Array
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.generators.files import FINDER_SIZE, SALIENT, finder_file
from unseg_cli.generators.frame import to_square
from unseg_cli.generators.sums import intact_sha256
from unseg_cli.models.u2net import U2NetP

NAME = SALIENT
HEADER = "unseg_finder"  # entry of the weights file that says where they come from


class SalientObjects:
    """U2-Net-p at work. Its weights are hashed at once and read when the first picture comes, which never does where all have masks.

    Args:
        device: where it runs.

    Attributes:
        sha256: of the weights file.

    Raises:
        EnvironmentProblem: the file is not there, or is not the one that was shipped.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._path = finder_file(NAME)
        self.sha256 = intact_sha256(self._path)
        self._device = torch.device(device)

    @torch.no_grad()
    def probability(self, image: U8Array) -> FloatArray:
        """See `SecondOpinion`.

        One picture at a time: what comes out depends on no other, and several at once take as long.
        """
        pixels = torch.from_numpy(to_square(image, FINDER_SIZE)[None]).to(device=self._device, memory_format=torch.channels_last)
        probability: FloatArray = load_network(self._path, self.sha256, self._device)(pixels)[0].sigmoid().float().cpu().numpy()
        return probability


@lru_cache(maxsize=1)  # sessions come and go
def load_network(path: Path, sha256: str, device: torch.device | str = "cpu") -> U2NetP:
    """The network of a weights file that has this hash, ready to look.

    Raises:
        EnvironmentProblem: the file does not hold it.
    """
    network = U2NetP()
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(str(path)).items()})
    except (SafetensorError, RuntimeError) as problem:
        raise EnvironmentProblem(f"{path} does not hold {NAME}", hint="reinstall the package") from problem
    return network.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)

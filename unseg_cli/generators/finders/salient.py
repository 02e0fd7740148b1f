"""The second finder: U2-Net-p, which was trained by others, on pictures alone, and so is wrong about other pictures than the generator."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from unseg_cli.core.constants import U8Array
from unseg_cli.core.errors import EnvironmentProblem
from unseg_cli.generators.files import FINDER_SIZE, finder_file
from unseg_cli.generators.sums import intact_sha256
from unseg_cli.models.u2net import U2NetP
from unseg_cli.noise.arithmetic import to_tensor_01

NAME = "u2netp"
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
    def probability(self, image: U8Array) -> Tensor:
        """How likely each place is the salient object's.

        One picture at a time: what comes out depends on no other, and several at once take as long.

        Args:
            image: (H, W, 3) uint8. It is stretched to a square, as in training.

        Returns:
            (1, n, n) in [0, 1], of the stretched picture, on the CPU.
        """
        square = (FINDER_SIZE, FINDER_SIZE)
        small = Image.fromarray(np.ascontiguousarray(image)).resize(square, Image.Resampling.BILINEAR, reducing_gap=3.0)
        pixels = to_tensor_01(np.asarray(small))[None].to(device=self._device, memory_format=torch.channels_last)
        return _network(self._path, self.sha256, self._device)(pixels)[0].sigmoid().float().cpu()


@lru_cache(maxsize=1)  # sessions come and go
def _network(path: Path, sha256: str, device: torch.device) -> U2NetP:
    network = U2NetP()
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(str(path)).items()})
    except (SafetensorError, RuntimeError) as problem:
        raise EnvironmentProblem(f"{path} does not hold {NAME}", hint="reinstall the package") from problem
    return network.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)

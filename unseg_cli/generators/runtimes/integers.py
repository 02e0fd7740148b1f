"""Whether a network of 8-bit integers is fast and right on this processor."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import numpy as np

from unseg_cli.generators.files import shipped_weights_dir
from unseg_cli.generators.runtimes.onnx_network import OnnxNetwork

#: Names of /proc/cpuinfo, of x86 and of ARM.
INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "asimddp")
#: The largest factors that there are, as `PRODUCTS` takes them and holds them.
LARGEST, LARGEST_WEIGHT, COUNT = 255, 127, 4
PRODUCTS = "products.onnx"


def multiplies_integers() -> bool:
    """Whether the processor has instructions that multiply 8-bit integers and add them up without overflow, as far as one can tell.

    Linux lists what a processor can do, and ARM's that run other systems can. Of the rest ONNX Runtime tells.
    """
    if sys.platform != "linux" and platform.machine().lower() in ("arm64", "aarch64"):
        return True
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return adds_up()
    return not words.isdisjoint(INSTRUCTIONS)


def adds_up() -> bool:
    """Whether ONNX Runtime adds up products of 8-bit integers without overflow.

    On x86 without the instructions it adds every two of them in 16 bits, where the largest saturate.

    Raises:
        EnvironmentProblem: the graph was changed.
    """
    products = OnnxNetwork(shipped_weights_dir() / PRODUCTS)
    return int(products(np.full((1, COUNT), LARGEST, np.uint8))[0, 0]) == COUNT * LARGEST * LARGEST_WEIGHT

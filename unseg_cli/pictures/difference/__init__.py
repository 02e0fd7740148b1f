"""How different two pictures are: in grey levels, to a formula that knows no colour (`fidelity`), and to an eye (`perceived`, `flip`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseg_cli.core.lazy import offer
from unseg_cli.pictures.difference.fidelity import Difference, linf_255, measure, psnr, ssim

if TYPE_CHECKING:
    from unseg_cli.pictures.difference.perceived import Perceived, perceive, perceived_map

__all__ = ["Difference", "Perceived", "linf_255", "measure", "perceive", "perceived_map", "psnr", "ssim"]

# `protect` needs the first kind alone, and must not wait for scikit-image.
_PERCEIVED = "unseg_cli.pictures.difference.perceived"
__getattr__, __dir__ = offer(__name__, dict.fromkeys(("Perceived", "perceive", "perceived_map"), _PERCEIVED))

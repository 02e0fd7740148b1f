"""How different two pictures are: in grey levels, to a formula that knows no colour (`fidelity`), and to an eye (`perceived`, `flip`)."""

from __future__ import annotations

from unseg_cli.pictures.difference.fidelity import Difference, linf_255, measure, psnr, ssim
from unseg_cli.pictures.difference.perceived import Perceived, perceive, perceived_map

__all__ = ["Difference", "Perceived", "linf_255", "measure", "perceive", "perceived_map", "psnr", "ssim"]

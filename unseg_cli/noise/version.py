"""The version of the code that draws noise."""

from __future__ import annotations

#: Goes into manifests, fingerprints and kept bench runs beside the hash of the weights: the same weights under other code draw other noise.
#: Raise it whenever a picture comes out with other pixels than before; tests/generators/test_drawn_noise.py notices.
NOISE_CODE = "9"

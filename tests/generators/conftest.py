"""A shelf of its own for every test that asks for one, and a vit_b that is small."""

from __future__ import annotations

from pathlib import Path

import pytest

from unseg_cli.models.specs import SPECS, GeneratorSpec

TINY = GeneratorSpec(
    kind="sam_vit",
    name="vit_b",
    image_size=32,
    embed_stride=16,
    noise_size=8,
    vit_width=24,
    vit_depth=1,
    vit_heads=3,
    vit_global_blocks=(0,),
    vit_window=2,
)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, an empty folder of shipped weights (returned), and a vit_b that is small."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setenv("UNSEG_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(SPECS, "vit_b", TINY)
    for module in ("files", "shelf"):
        monkeypatch.setattr(f"unseg_cli.generators.{module}.shipped_weights_dir", lambda: shipped)
    return shipped

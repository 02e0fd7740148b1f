"""Numbers in the closing lines, as people read them."""

from __future__ import annotations

import pytest

from unseg_cli.protect.results.words import size_in_words


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 kB"), (1, "1 kB"), (48_314, "49 kB"), (999_499, "1000 kB"), (999_500, "1.0 MB"), (51_537_000, "51.5 MB"),
        (999_950_000, "1.0 GB"), (2_345_678_900_000, "2,345.7 GB"),
    ],
)  # fmt: skip
def test_sizes_have_a_unit_that_fits(size: int, said: str) -> None:
    assert size_in_words(size) == said

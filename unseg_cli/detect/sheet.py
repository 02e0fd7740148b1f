"""Brings `review.html` up to date: which detections are on it, and where their thumbnails come from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from unseg_cli.core.errors import UnsegError
from unseg_cli.detect.one import open_image, open_mask
from unseg_cli.detect.records import Detection, Detections
from unseg_cli.detect.review import NAME, SHOWN, Commands, kept_thumbnails, key_of, least_sure_first, review_page
from unseg_cli.detect.thumbnail import thumbnail
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.pictures.stores.store import Store


class Sheet:
    """Collects thumbnails while a run goes on, never many more than are shown.

    Args:
        source: the originals.
        masks: their masks, and the page.
        threshold: confidence below which a detection is unsure.
    """

    def __init__(self, source: Store, masks: Store, threshold: float) -> None:
        self._source, self._masks, self._threshold = source, masks, threshold
        self._drawn: dict[str, tuple[Detection, bytes]] = {}

    def add(self, row: Detection, drawn: bytes) -> None:
        """Take a thumbnail that was made in passing."""
        self._drawn[key_of(row)] = row, drawn
        if len(self._drawn) > 2 * SHOWN:
            first = least_sure_first([one for one, _ in self._drawn.values()], self._threshold)[:SHOWN]
            self._drawn = {key_of(one): self._drawn[key_of(one)] for one in first}

    def write(self, detections: Detections, commands: Commands, *, workers: int) -> None:
        """Write the page: every detection whose picture is there, or that was on the page before.

        Raises:
            UnsegError, OSError: see `Store.put`.
        """
        before = self._masks.read(NAME).decode("utf-8", "replace") if self._masks.exists(NAME) else ""
        thumbnails = kept_thumbnails(before)
        thumbnails.update({key: drawn for key, (_, drawn) in self._drawn.items()})
        rows = [row for row in detections.rows.values() if key_of(row) in thumbnails or self._source.exists(row["src"])]
        missing = [row for row in least_sure_first(rows, self._threshold)[:SHOWN] if key_of(row) not in thumbnails]
        with ThreadPoolExecutor(max(workers, 1)) as pool:
            made = zip(missing, pool.map(self._draw, missing), strict=True)
            thumbnails.update({key_of(row): drawn for row, drawn in made if drawn is not None})
        self._masks.put(NAME, review_page(rows, thumbnails, threshold=self._threshold, commands=commands).encode("utf-8"))

    def _draw(self, row: Detection) -> bytes | None:
        """A thumbnail of what lies in the stores; None where that is not what the line says."""
        try:
            data, mask = self._source.read(row["src"]), self._masks.read(row["mask"])
            if (sha256_hex(data), sha256_hex(mask)) != (row["src_sha256"], row["mask_sha256"]):
                return None
            image = open_image(row["src"], data)
            return thumbnail(image, open_mask(row["mask"], mask, image.shape[:2]))
        except (UnsegError, OSError):
            return None

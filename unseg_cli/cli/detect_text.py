"""What a person reads of `unseg detect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unseg_cli.cli.words import failures, pictures


def detect_lines(document: Mapping[str, Any]) -> list[str]:
    """The summary."""
    failed = failures(document)
    if document.get("dry_run"):
        return [
            *(f"would look at {one['src']} -> {one['mask']}" for one in document["planned"]),
            *(f"would fail on {line}" for line in failed),
            f"{pictures(document['images'])}: {document['would_detect']} would be looked at, {document['skipped']} skipped,"
            f" {document['failed']} would fail",
        ]
    lines = [
        f"{pictures(document['images'])}: {document['detected']} detected, {document['skipped']} skipped, {document['failed']} failed"
        f" in {document['seconds']:.1f} s ({document['images_per_second']:.2f} pictures/s)"
    ]
    if document["detected"] or document["skipped"]:
        unknown = f", of {document['unknown']} it is not known" if document["unknown"] else ""
        lines.append(
            f"unsure: {document['unsure']} (confidence below {document['threshold']:g}{unknown}),"
            f" nothing found: {document['nothing_found']}, by you: {document['owner']}"
        )
    if document["nothing_found"]:
        lines.append("Where nothing was found the mask is black, and `unseg protect --masks` protects the whole picture.")
    return [*lines, *(f"failed: {line}" for line in failed)]

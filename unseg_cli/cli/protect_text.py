"""What a person reads of `unseg protect` and `unseg restore`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unseg_cli.cli.words import cell, failures, pictures


def protect_lines(document: Mapping[str, Any]) -> list[str]:
    """The summary of `protect` for a person."""
    sources, failed = document["mask_source"], failures(document)
    if document.get("dry_run"):
        return [
            *(f"would protect {one['src']}" + (f" -> {one['dst']}" if one["dst"] != one["src"] else "") for one in document["planned"]),
            *(f"would fail on {line}" for line in failed),
            f"{pictures(document['images'])}: {document['would_protect']} would be protected, {document['skipped']} skipped,"
            f" {document['failed']} would fail",
        ]
    lines = [
        f"{pictures(document['images'])}: {document['protected']} protected, {document['skipped']} skipped, {document['failed']} failed"
        f" in {document['seconds']:.1f} s ({document['images_per_second']:.2f} pictures/s)"
    ]
    if document["protected"] and document.get("linf_255_max") is not None:
        lines += [
            f"largest change {cell(document['linf_255_max'])}/255, mean PSNR {cell(document['psnr_mean'])} dB, "
            f"mean SSIM {cell(document['ssim_mean'])}",
            f"objects: {sources['file']} from mask files, {sources['auto']} detected by the generator, {sources['whole']} whole picture",
        ]
    return [*lines, *(f"failed: {line}" for line in failed)]


def restore_lines(document: Mapping[str, Any]) -> list[str]:
    """The summary of `restore` for a person."""
    return [
        f"{pictures(document['images'])}: {document['restored']} restored, {document['skipped']} skipped, {document['failed']} failed"
        f" in {document['seconds']:.1f} s",
        *(f"failed: {line}" for line in failures(document)),
    ]

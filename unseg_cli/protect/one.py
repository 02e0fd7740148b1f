"""One picture, from bytes to bytes: no files, no threads.

The way of a picture has three stages, which an engine may run apart so that the network sees several pictures at once:
`open_picture` decodes, `add_noise_to` runs the network and adds what it draws, `encode` writes, decodes again and measures.
`protect_bytes` is all three for one picture. What comes out does not depend on who runs them, or with how many others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unseg_cli.core.budget import NoiseBudget, check_level
from unseg_cli.core.errors import UnsegError
from unseg_cli.core.memory import give_back_freed_memory
from unseg_cli.generators.files import GeneratorFile
from unseg_cli.generators.find import share_of
from unseg_cli.generators.session import PictureNoise, Session
from unseg_cli.generators.sums import sha256_hex
from unseg_cli.noise.per_class import NO_CLASS, PerClassField
from unseg_cli.pictures.adding import DrawnRows, add_noise
from unseg_cli.pictures.channels import noise_kept, noise_level, strips, visible_rgb
from unseg_cli.pictures.decode import expanded, read_picture
from unseg_cli.pictures.difference import measure
from unseg_cli.pictures.encode import encode_picture, prepare_picture
from unseg_cli.pictures.masks import read_classes, read_mask
from unseg_cli.pictures.picture import Picture, PixelRows, same_alpha
from unseg_cli.pictures.smaller import smaller_map
from unseg_cli.protect.manifest import Record, signature
from unseg_cli.protect.settings import Settings
from unseg_cli.protect.stages import Noised, Opened, Protected, Source

#: A lossy file that keeps less of the noise than this is not called protected.
LEAST_NOISE_KEPT = 0.1
#: Below this the user is told.
LITTLE_NOISE_KEPT = 0.5
#: Pixels above which what a stage has freed is given back before the next one, and the picture with noise is never there as a whole: codecs
#: hold as much as the picture, and more.
HUGE = 50_000_000


def protect_bytes(data: bytes, mask: bytes | None, session: Session, settings: Settings) -> Protected:
    """Protect one picture file.

    Args:
        data: the picture file.
        mask: a mask file of the same size, read by `settings.mask_rule`; None: see `settings.target`.
        session: the generator.
        settings: everything else that decides the result.

    Returns:
        The protected file, what was measured on it, and what it was measured on. The same arguments give the same bytes on the same
        device.

    Raises:
        UnsegError: the picture or the mask cannot be read, or the result would not be protected within its budget.
    """
    return protect_source(Source.of(data, mask), session, settings)


def protect_source(source: Source, session: Session, settings: Settings) -> Protected:
    """`protect_bytes` of a picture file and its mask that were fetched before."""
    (noised,) = add_noise_to([open_picture(source, settings)], session, settings)
    return encode(noised, settings.budget, session.generator.source)


def open_picture(source: Source, settings: Settings) -> Opened:
    """Decode a picture and its mask; every reason for which a picture is refused before the network runs is found here.

    Raises:
        UnsegError: damaged, unsupported, not to be written in the format asked for, or its mask does not fit.
    """
    started = time.perf_counter()
    picture, encoding = prepare_picture(Path(source.name), source.data, **settings.of_files())
    mask = classes = None
    if source.mask is not None and settings.per_class:
        classes = smaller_map(read_classes(Path(source.mask_name), settings.rule, picture.file_size, source.mask), picture.size)
        mask = classes != NO_CLASS
    elif source.mask is not None:
        mask = smaller_map(read_mask(Path(source.mask_name), settings.rule, picture.file_size, source.mask), picture.size)
    return Opened(
        picture=picture,
        encoding=encoding,
        mask=mask,
        classes=classes,
        src_sha256=source.sha256,
        mask_sha256=source.mask_sha256,
        src_bytes=len(source.data),
        seconds=source.seconds + time.perf_counter() - started,
    )


def add_noise_to(batch: Sequence[Opened], session: Session, settings: Settings) -> list[Noised]:
    """Run the network once for several pictures, and add to each what it draws.

    Raises:
        UnsegError: noise beyond its budget, see `add_noise`.
    """
    started = time.perf_counter()
    images = [visible_rgb(opened.picture.pixels, opened.picture.space) for opened in batch]
    made = session.noise(images, [opened.mask for opened in batch], budget=settings.budget, target=settings.target)
    del images
    if max(opened.area for opened in batch) > HUGE:
        give_back_freed_memory()
    share = (time.perf_counter() - started) / len(batch)
    return [_with(opened, noise, settings.budget, share) for opened, noise in zip(batch, made, strict=True)]


def _with(opened: Opened, made: PictureNoise, budget: NoiseBudget, share: float) -> Noised:
    """The picture with the noise that was made for it; `share` is its part of the seconds that the network took."""
    started = time.perf_counter()
    field = made.field if opened.classes is None else PerClassField(made.field, opened.classes)
    clean = opened.picture
    if opened.area > HUGE:
        pixels: PixelRows = DrawnRows(pixels=clean.pixels, space=clean.space, field=field, mask=made.mask, budget=budget)
    else:
        pixels = add_noise(clean.pixels, clean.space, field, made.mask, budget)
    seconds = opened.seconds + share + time.perf_counter() - started
    return Noised(opened=opened, pixels=pixels, made=made, seconds=seconds)


def encode(noised: Noised, budget: NoiseBudget, generator: GeneratorFile) -> Protected:
    """Write a picture with noise as a file, decode that again, and measure it.

    Raises:
        UnsegError: what was written is not what was meant: unchanged, or the noise did not survive the codec.
    """
    started = time.perf_counter()
    opened, clean, made = noised.opened, noised.opened.picture, noised.made
    level = noise_level(clean.pixels, noised.pixels, made.mask)
    check_level(level, clean.size)  # before the codec, which takes the most time and can only take noise away
    data, notes = encode_picture(clean, opened.encoding, pixels=noised.pixels)
    if opened.area > HUGE:
        give_back_freed_memory()
    written = read_picture(Path("picture"), data)
    measured = _measured(clean, noised, written, level)
    if measured["noise_kept"] < LITTLE_NOISE_KEPT:
        kept = f"{100 * measured['noise_kept']:.0f} %"
        notes = [*notes, f"the codec kept only {kept} of the noise: raise --quality or --epsilon, or use a lossless format"]
    facts = Record(
        src_sha256=opened.src_sha256,
        mask_sha256=opened.mask_sha256,
        dst_sha256=sha256_hex(data),
        status="protected",
        error=None,
        mask_source=made.mask_source,
        lossless=opened.encoding.lossless,
        quality=opened.encoding.quality,
        mask_empty=opened.mask is not None and made.mask_source != "file",
        mask_share=round(share_of(made.mask), 4),
        confidence=None if made.confidence is None else round(made.confidence, 4),
        src_bytes=opened.src_bytes,
        dst_bytes=len(data),
        longest_side=max(clean.size) if clean.made_from else None,
        notes=[*clean.notes, *notes],
        seconds=round(noised.seconds + time.perf_counter() - started, 4),
    )
    # Noise of classes has no limit of what may be seen.
    limited = replace(budget, closely=made.closely) if opened.classes is None else replace(budget, visible=None)
    record: Record = {**measured, **signature(limited, generator), **facts}
    return Protected(data=data, record=record, clean=clean, noised=noised.pixels, written=written, mask=made.mask)


def _measured(clean: Picture, noised: Noised, written: Picture, meant_level: float) -> Record:
    """Compare the written file, decoded again, with the clean picture and with what was meant, whose noise was so strong.

    Raises:
        UnsegError: see `encode`.
    """
    lossless, meant = noised.opened.encoding.lossless, noised.pixels
    if clean.space == "grey" and written.space == "rgb":
        meant = expanded(replace(clean, pixels=np.asarray(meant))).pixels
        clean = expanded(clean)
    if written.pixels.shape != clean.pixels.shape or written.pixels.dtype != clean.pixels.dtype or written.space != clean.space:
        raise UnsegError(
            f"the written file came back as {written.pixels.dtype} {written.space} of {written.size}", hint="use --format png for it"
        )
    difference = measure(clean.pixels, written.pixels)
    if difference.linf_255 == 0:
        problem = "the written file equals the original: no noise survived, and it was removed"
        raise UnsegError(problem, hint="raise --strength or --epsilon, raise --quality, or use a lossless format")
    if lossless and not all(np.array_equal(written.pixels[rows], meant[rows]) for rows in strips(len(meant))):
        raise UnsegError("the written file does not decode to what was written", hint="use --format png for it")
    if not same_alpha(clean, written):
        raise UnsegError("the alpha channel was not kept", hint="use --format png for it")
    kept = 1.0 if lossless else noise_kept(clean.pixels, meant, written.pixels)
    if kept < LEAST_NOISE_KEPT:
        raise UnsegError(
            f"the codec kept {100 * max(kept, 0):.0f} % of the noise: the file is not protected, and was removed",
            hint="raise --quality or --epsilon, or use a lossless format",
        )
    level = meant_level * kept
    check_level(level, clean.size)
    return Record(
        linf_255=round(difference.linf_255, 6),
        psnr=None if difference.psnr is None else round(difference.psnr, 6),
        ssim=None if difference.ssim is None else round(difference.ssim, 6),
        noise_255=round(level, 4),
        noise_kept=round(kept, 4),
    )

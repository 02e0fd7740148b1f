"""Mask files and rules."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.pictures.picture_makers import plain_tiff, saved
from unseg_cli.core.errors import UnsegError, UsageProblem
from unseg_cli.pictures.formats import png
from unseg_cli.pictures.masks import MaskFile, decode_mask, is_photograph, mask_rule, read_classes, read_mask

LABELS = np.array([[0, 7, 9], [255, 1, 0]], np.uint8)
SIZE = (2, 3)


def rule_on(path: Path, rule: str, size: tuple[int, int] = SIZE) -> list[list[int]]:
    mask = read_mask(path, mask_rule(rule), size)
    assert mask.dtype == np.bool_
    return mask.astype(int).tolist()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("nonzero", [[0, 1, 1], [1, 1, 0]]),
        ("not-void", [[1, 1, 1], [0, 1, 1]]),
        ("class:7,9", [[0, 1, 1], [0, 0, 0]]),
        ("class:0", [[1, 0, 0], [0, 0, 1]]),
    ],
)
@pytest.mark.parametrize("mode", ["L", "P", "LA", "PA", "RGB", "RGBA", "I;16"])
def test_rules_on_label_ids(tmp_path: Path, rule: str, expected: list[list[int]], mode: str) -> None:
    path = tmp_path / "mask.png"
    grey = Image.fromarray(LABELS)
    if mode == "P":
        grey.putpalette(list(reversed(range(256))) * 3)  # a palette whose colours are not the indexes
        grey = Image.frombytes("P", grey.size, LABELS.tobytes())
        grey.putpalette([(3 * i + 1) % 256 for i in range(768)])
    elif mode == "I;16":
        grey = Image.fromarray(LABELS.astype(np.uint16))
    elif mode == "PA":
        path = path.with_suffix(".tif")
        grey = Image.merge("LA", [grey, Image.new("L", grey.size, 0)])
    elif mode != "L":
        grey = grey.convert(mode)
        if mode.endswith("A"):
            grey.putalpha(Image.new("L", grey.size, 0))  # alpha says nothing about objects
    grey.save(path)
    assert rule_on(path, rule) == expected


def test_one_bit_and_panoptic(tmp_path: Path) -> None:
    Image.fromarray(LABELS > 5).save(tmp_path / "bit.png")
    assert rule_on(tmp_path / "bit.png", "nonzero") == [[0, 1, 1], [1, 0, 0]]
    ids = np.zeros((2, 3, 3), np.uint8)
    ids[0, 1], ids[1, 2], ids[1, 0] = (0, 0, 1), (0, 3, 0), (5, 0, 0)
    Image.fromarray(ids).save(tmp_path / "ids.png")
    assert rule_on(tmp_path / "ids.png", "panoptic-rgb") == [[0, 1, 0], [1, 0, 1]]
    with pytest.raises(UnsegError, match=r"ids\.png has colours"):
        rule_on(tmp_path / "ids.png", "class:5")
    with pytest.raises(UnsegError, match="one channel"):
        rule_on(tmp_path / "bit.png", "panoptic-rgb")


def test_jpeg_masks_are_cut_at_half_and_hold_no_ids(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    Image.fromarray(mask).save(tmp_path / "mask.jpg", quality=60)
    found = read_mask(tmp_path / "mask.jpg", mask_rule("nonzero"), (64, 64))
    assert (found == (mask > 0)).all()
    with pytest.raises(UnsegError, match="do not survive"):
        read_mask(tmp_path / "mask.jpg", mask_rule("class:1"), (64, 64))


def test_wrong_size_names_the_mask_and_both_sizes(tmp_path: Path) -> None:
    Image.fromarray(LABELS).save(tmp_path / "mask.png")
    with pytest.raises(UnsegError, match=r"its mask mask\.png is 3x2 pixels, the picture 2x3") as caught:
        rule_on(tmp_path / "mask.png", "nonzero", (3, 2))
    assert "upright" in caught.value.hint
    (tmp_path / "text.png").write_text("not a mask")
    with pytest.raises(UnsegError, match=r"its mask text\.png is text"):
        rule_on(tmp_path / "text.png", "nonzero")


def test_exif_orientation_of_the_mask_itself(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(LABELS).save(tmp_path / "mask.png", exif=exif)
    assert rule_on(tmp_path / "mask.png", "nonzero", (3, 2)) == np.rot90(LABELS > 0, -1).astype(int).tolist()


@pytest.mark.parametrize("text", ["nonzer", "class:", "class:a", "class", ""])
def test_unknown_rules(text: str) -> None:
    with pytest.raises(UsageProblem, match="mask-rule") as caught:
        mask_rule(text)
    assert caught.value.hint


@pytest.mark.parametrize(("rule", "expected"), [("not-void", [[0, 7, 9], [-1, 1, 0]]), ("class:7,9", [[-1, 7, 9], [-1, -1, -1]])])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_class_numbers_where_the_rule_says_object(tmp_path: Path, rule: str, expected: list[list[int]], mode: str) -> None:
    Image.fromarray(LABELS).convert(mode).save(tmp_path / "mask.png")
    classes = read_classes(tmp_path / "mask.png", mask_rule(rule), SIZE)
    assert classes.dtype == np.int32
    assert classes.tolist() == expected


@pytest.mark.parametrize("rule", ["nonzero", "panoptic-rgb"])
def test_colours_are_not_class_numbers(tmp_path: Path, rule: str) -> None:
    Image.fromarray(np.dstack([LABELS, LABELS // 2, LABELS // 3])).save(tmp_path / "mask.png")
    with pytest.raises(UnsegError, match=r"its mask mask\.png has colours"):
        read_classes(tmp_path / "mask.png", mask_rule(rule), SIZE)


def drawn(size: int = 200) -> Image.Image:
    """A round object, white on black."""
    y, x = np.mgrid[:size, :size]
    return Image.fromarray(np.where((y - size / 2) ** 2 + (x - size / 3) ** 2 < (size / 4) ** 2, 255, 0).astype(np.uint8))


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_no_example_photo_passes_for_a_mask(photos: Path, tmp_path: Path, mode: str) -> None:
    names = [path for path in sorted(photos.parent.rglob("*")) if path.suffix in (".png", ".jpg", ".webp", ".bmp")]
    assert len(names) >= 7
    for path in names:
        with Image.open(path) as image:
            image.convert(mode).save(tmp_path / "mask.png")
            size = image.size[::-1]
        with pytest.raises(UnsegError, match=r"its mask mask\.png looks like a photograph") as caught:
            read_mask(tmp_path / "mask.png", mask_rule("nonzero"), size)
        assert "--masks" in caught.value.hint


@pytest.mark.parametrize(
    "image",
    [
        drawn(),
        drawn().filter(ImageFilter.GaussianBlur(2)),
        drawn().filter(ImageFilter.GaussianBlur(15)),
        drawn().resize((90, 70), Image.Resampling.LANCZOS),
        drawn().resize((500, 300), Image.Resampling.BICUBIC),
        as_jpeg(drawn(), 75),
        as_jpeg(drawn(), 20),
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (25, 25, 3), np.uint8).repeat(8, 0).repeat(8, 1)),  # 625 coloured regions
        Image.fromarray((np.random.default_rng(0).random((200, 200)) < 0.5).astype(np.uint8)),  # a binary mask of nothing but holes
    ],
    ids=["hard", "soft", "very soft", "small", "large", "JPEG", "bad JPEG", "regions", "holes"],
)
def test_masks_do_not_pass_for_photographs(image: Image.Image) -> None:
    assert not is_photograph(np.asarray(image))


def test_what_a_mask_file_holds() -> None:
    def decoded(image: Image.Image, format: str = "PNG", **options: object) -> MaskFile:
        return decode_mask(Path("mask"), saved(image, format, **options))

    bits = decoded(Image.fromarray(LABELS > 5))
    assert bits.values.dtype == np.uint8 and bits.values.tolist() == [[0, 1, 1], [1, 0, 0]]
    wide = LABELS.astype(np.uint16) * np.uint16(257)
    assert decoded(Image.fromarray(wide)).ids().dtype == np.uint16
    for order in "<>":
        file = decode_mask(Path("mask"), plain_tiff(wide[..., None], "L", order=order))
        assert np.array_equal(file.ids(), wide) and file.values.dtype.isnative
    colours = np.repeat(wide[..., None], 3, axis=2)
    assert np.array_equal(decode_mask(Path("mask"), png.encode_16(colours)).ids(), wide), "both bytes of 16-bit colours count"
    assert np.array_equal(decode_mask(Path("mask"), png.encode_16(np.dstack([wide, wide * 0]))).ids(), wide), "alpha says nothing"
    huge = decoded(Image.fromarray(LABELS.astype(np.int32) * 1000), "TIFF")
    with pytest.raises(UnsegError, match="65,535"):
        huge.ids()
    with pytest.raises(UnsegError, match="colours"):
        decoded(Image.new("RGB", (3, 2), (1, 2, 3))).ids()
    assert np.array_equal(decoded(Image.fromarray(LABELS), "GIF").ids() > 0, LABELS > 0), "masks may be of any format"


def test_a_mask_of_several_pages_is_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(LABELS), Image.fromarray(LABELS)]
    pages[0].save(tmp_path / "mask.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(UnsegError, match=r"its mask mask\.tif has 2 pages"):
        rule_on(tmp_path / "mask.tif", "nonzero")


def test_a_lossy_webp_mask_is_cut_at_half_like_a_jpeg(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    Image.fromarray(mask).save(tmp_path / "mask.webp", quality=30)
    found = read_mask(tmp_path / "mask.webp", mask_rule("nonzero"), (64, 64))
    assert (found == (mask > 0)).mean() > 0.99

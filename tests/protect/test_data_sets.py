"""`unseg protect --dataset`: published layouts in, the same layouts with protected pictures out."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datasets.makers import write_coco
from tests.datasets.published import (
    write_ade20k,
    write_camvid,
    write_cityscapes,
    write_coco_panoptic,
    write_hqseg44k,
    write_kvasir,
    write_layout,
    write_voc,
)
from tests.protect.conftest import StandInGenerator, hashes, session_of, texture
from unseg_cli.cli.app import main
from unseg_cli.datasets.registry import open_labelled
from unseg_cli.pictures.names import is_picture_name
from unseg_cli.protect import run as workflow
from unseg_cli.protect.data_sets.masks import AnnotationMasks, open_annotated

#: Types a line behind `unseg protect`, with the stand-in generator; the exit code.
Unseg = Callable[..., int]
#: Writes a miniature below a folder, and says what stands after --dataset.
SETS: dict[str, Callable[[Path], str]] = {
    "voc": lambda where: f"voc:{write_voc(where)}",
    "ade20k": lambda where: f"ade20k:{write_ade20k(where)}",
    "cityscapes": lambda where: f"cityscapes:{write_cityscapes(where)}",
    "kvasir": lambda where: f"kvasir:{write_kvasir(where)}",
    "camvid": lambda where: f"camvid:{write_camvid(where)}",
    "folder": lambda where: str(write_camvid(where)),
    "hqseg44k": lambda where: f"hqseg44k:{write_hqseg44k(where)}",
    "nwpu": lambda where: f"nwpu:{write_layout('nwpu', where)}",
    "whu": lambda where: f"whu:{write_layout('whu', where)}",
    "coco-panoptic": lambda where: f"coco-panoptic:{write_coco_panoptic(where)}",
}


@pytest.fixture
def unseg(monkeypatch: pytest.MonkeyPatch) -> Unseg:
    monkeypatch.setattr(workflow, "open_runtime", lambda *_, **__: StandInGenerator())
    monkeypatch.setattr(workflow, "Session", session_of(texture))
    return lambda *line: main(["protect", *map(str, line), "--device", "cpu"])


@pytest.fixture
def where(tmp_path: Path) -> Path:
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def pictures_of(dataset: str, root: Path, split: str = "all") -> set[str]:
    data = open_labelled(dataset)
    samples = data.train if split == "train" else (*data.train, *data.test)
    return {sample.image.path.relative_to(root).as_posix() for sample in samples}  # type: ignore[attr-defined]


def manifest(dst: Path) -> dict[str, dict[str, str]]:
    return {row["src"]: row for row in map(json.loads, (dst / "unseg-manifest.jsonl").read_text().splitlines())}


@pytest.mark.parametrize("kind", SETS)
def test_the_copy_is_the_data_set_with_protected_pictures(kind: str, where: Path, tmp_path: Path, unseg: Unseg) -> None:
    dataset = SETS[kind](where)
    root = open_annotated(dataset, rule="all", split="all").root
    before, dst = hashes(where), tmp_path / "out"
    assert unseg("--dataset", dataset, dst) == 0
    assert hashes(where) == before
    pictures, clean, there = pictures_of(dataset, root), hashes(root), hashes(dst)
    rows = manifest(dst)
    assert {name for name, row in rows.items() if row["status"] == "protected"} == pictures
    assert all(rows[name]["mask_source"] == "file" for name in pictures)
    for name, sha256 in there.items():
        if name != "unseg-manifest.jsonl":
            assert (sha256 != clean[name]) is (name in pictures), name
    # Whatever reads the original reads the copy: the same pictures with the same truths.
    copied = open_labelled(dataset.replace(str(root), str(dst)))
    for ours, theirs in zip((*copied.train, *copied.test), (*open_labelled(dataset).train, *open_labelled(dataset).test), strict=True):
        assert ours.id == theirs.id
        for first, second in zip(ours.truth().segments, theirs.truth().segments, strict=True):
            assert np.array_equal(first.mask(), second.mask())
        assert np.array_equal(ours.truth().labels, theirs.truth().labels)
    assert unseg("--dataset", dataset, dst) == 0
    assert hashes(dst) == there, "a second run finds everything done"


def test_verify_knows_annotations_from_pictures(where: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]) -> None:
    dataset, dst = SETS["camvid"](where), tmp_path / "out"
    assert unseg("--dataset", dataset, dst) == 0
    assert main(["verify", str(where), str(dst)]) == 0
    shutil.copy(where / "masks" / "train" / "1.png", dst / "masks" / "train" / "0.png")
    assert main(["verify", str(where), str(dst)]) == 1, "a label map that was changed is no label map any more"
    (dst / "masks" / "train" / "0.png").unlink()
    assert main(["verify", str(where), str(dst), "--json"]) == 1, "one that is missing is said"
    assert "masks/train/0.png" in capsys.readouterr().out


def test_test_pictures_can_be_left_to_be_tested_on(where: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]) -> None:
    dataset, dst = SETS["camvid"](where), tmp_path / "out"
    assert unseg("--dataset", dataset, dst, "--split", "train", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["dataset"] == {"copied": 4, "unprotected_test_pictures": 1, "left_out": 0}
    assert (dst / "images/test/0.jpg").read_bytes() == (where / "images/test/0.jpg").read_bytes()
    assert manifest(dst)["images/test/0.jpg"]["status"] == "copied"
    assert unseg("--dataset", dataset, tmp_path / "other", "--split", "train") == 0
    assert "1 test pictures are in the copy WITHOUT protection" in " ".join(capsys.readouterr().out.split())


def test_pictures_that_the_data_set_does_not_list_stay_out(where: Path, tmp_path: Path, unseg: Unseg) -> None:
    dataset, dst = SETS["voc"](where), tmp_path / "out"
    home = where / "VOCdevkit" / "VOC2012"
    shutil.copy(home / "JPEGImages" / "2007_000032.jpg", home / "JPEGImages" / "2012_004331.jpg")
    (home / "SegmentationObject").mkdir()
    shutil.copy(home / "SegmentationClass" / "2007_000032.png", home / "SegmentationObject" / "2007_000032.png")
    (home / "Thumbnails").mkdir()
    shutil.copy(home / "JPEGImages" / "2007_000032.jpg", home / "Thumbnails" / "2007_000032.jpg")
    assert unseg("--dataset", dataset, dst) == 0
    there = {name for name in hashes(dst) if is_picture_name(Path(name))}
    assert "VOC2012/SegmentationObject/2007_000032.png" in there
    assert not [name for name in there if "2012_004331" in name or "Thumbnails" in name]


def test_coco_in_folders_of_its_own(where: Path, tmp_path: Path, unseg: Unseg) -> None:
    for split in ("train", "val"):
        write_coco(where / split, 2)
        shutil.move(where / split / "instances.json", where / f"{split}.json")
    parts = [where / "train", where / "train.json", where / "val", where / "val.json"]
    assert unseg("--dataset", "coco:" + ":".join(map(str, parts)), tmp_path / "out") == 0
    assert (tmp_path / "out" / "train.json").read_bytes() == (where / "train.json").read_bytes()
    assert {row["status"] for row in manifest(tmp_path / "out").values()} == {"protected"}


def test_a_box_without_an_outline_is_protected_as_a_whole(
    where: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = []
    for split in ("train", "val"):
        write_coco(where / split)
        annotations = where / split / "instances.json"
        document = json.loads(annotations.read_text())
        document["annotations"] = [{**one, "segmentation": []} for one in document["annotations"] if one.get("bbox") and not one["iscrowd"]]
        annotations.write_text(json.dumps(document))
        parts += [where / split, annotations]
    dataset = "coco:" + ":".join(map(str, parts))
    assert unseg("--dataset", dataset, tmp_path / "out") == 0
    assert "2 objects have a box and no outline: the whole box is the mask" in capsys.readouterr().err
    assert {row["status"] for row in manifest(tmp_path / "out").values()} == {"protected"}
    mask = mask_of(dataset, "all") > 0
    assert mask[10:30, 10:30].all() and mask.sum() == 400


def mask_of(dataset: str, rule: str, *, per_class: bool = False) -> np.ndarray:
    annotated = open_annotated(dataset, rule=rule, split="all")
    name = next(iter(annotated.pictures))
    data = AnnotationMasks(annotated, per_class=per_class).read(annotated.masks[name])
    return np.asarray(Image.open(BytesIO(data)))


def test_the_papers_rules(where: Path) -> None:
    dataset = SETS["cityscapes"](where)
    labels = np.array(Image.open(where / "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png"))
    objects = np.array(Image.open(where / "gtFine/train/aachen/aachen_000000_000019_gtFine_instanceIds.png"))
    assert np.array_equal(mask_of(dataset, "all") > 0, labels != 1), "everything that is not void"
    assert np.array_equal(mask_of(dataset, "multi") > 0, objects >= 1000), "things, but no groups of them"
    assert np.array_equal(mask_of(dataset, "single:Road") > 0, labels == 7)
    of_classes = mask_of(dataset, "all", per_class=True)
    assert len(set(of_classes[labels == 7].tolist())) == 1 and set(of_classes[labels == 1].tolist()) == {0}
    assert set(of_classes[labels == 7].tolist()) != set(of_classes[labels == 26].tolist())


def test_background_is_no_object_where_a_data_set_has_one(where: Path) -> None:
    dataset = SETS["voc"](where)
    labels = np.array(Image.open(where / "VOCdevkit/VOC2012/SegmentationClass/2007_000032.png"))
    assert np.array_equal(mask_of(dataset, "all") > 0, (labels != 0) & (labels != 255))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mask-rule", "not-void"], "--mask-rule not-void is for masks"),
        (["--mask-rule", "single:bus"], "the data set has no such class"),
        (["--masks", "m"], "--masks and --dataset exclude each other"),
        (["--watch"], "--watch needs folders|--watch and --dataset exclude"),
        (["--format", "png"], "--format and --dataset exclude each other"),
        (["more"], "SRC is one too many"),
    ],
)
def test_what_does_not_go_together_is_said(
    options: list[str], words: str, where: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = SETS["camvid"](where)
    assert unseg("--dataset", dataset, tmp_path / "out", *options) == 2
    assert re.search(words, " ".join(capsys.readouterr().err.split()))
    assert not (tmp_path / "out").exists()


def test_multi_needs_things(where: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]) -> None:
    assert unseg("--dataset", SETS["ade20k"](where), tmp_path / "out", "--mask-rule", "multi") == 2
    assert "does not say which classes are things" in " ".join(capsys.readouterr().err.split())


def test_a_foreign_file_in_the_way_is_not_replaced(where: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]) -> None:
    dst = tmp_path / "out"
    dst.mkdir()
    (dst / "classes.json").write_text("[]")
    assert unseg("--dataset", SETS["camvid"](where), dst) == 2
    assert "is another file than" in " ".join(capsys.readouterr().err.split())
    assert (dst / "classes.json").read_text() == "[]"
    assert unseg("--dataset", f"camvid:{where}", dst, "--overwrite") == 0


def test_a_dry_run_copies_nothing(where: Path, tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]) -> None:
    assert unseg("--dataset", SETS["camvid"](where), tmp_path / "out", "--dry-run") == 0
    assert "4 other files of the data set (annotations, lists) would be copied" in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "out").exists()


def test_without_a_data_set_both_places_are_needed(tmp_path: Path, unseg: Unseg, capsys: pytest.CaptureFixture[str]) -> None:
    assert unseg(tmp_path) == 2
    assert "Missing argument 'DST'" in capsys.readouterr().err
    assert unseg(tmp_path, tmp_path / "out", "--split", "train") == 2
    assert "--split is for --dataset" in capsys.readouterr().err

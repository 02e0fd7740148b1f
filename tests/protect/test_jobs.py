"""Which pictures are found, and where they go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.links import link
from unseg_cli.core.errors import NothingToDo, UsageProblem
from unseg_cli.pictures.names import list_pictures
from unseg_cli.pictures.stores.apart import refuse_overlap
from unseg_cli.pictures.stores.local import LocalStore
from unseg_cli.pictures.stores.wanted import wanted_pictures
from unseg_cli.protect.jobs import target_names
from unseg_cli.protect.places import plan_jobs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    src = tmp_path / "src"
    for name in (
        "b.JPG",
        "a.png",
        "sub/deep/c.Tiff",
        "sub/a.png",
        "notes.txt",
        ".hidden.jpg",
        ".cache/x.png",
        "old.gif",
        "._b.JPG",
        "b.jpg.json",
    ):
        path = src / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return src


def test_finds_pictures_in_any_case_sorted_and_no_hidden_ones(tree: Path) -> None:
    assert list_pictures(tree) == ["a.png", "b.JPG", "old.gif", "sub/a.png", "sub/deep/c.Tiff"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.png"], [], ["a.png", "sub/a.png"]),
        ([], ["*.png", "*.gif"], ["b.JPG", "sub/deep/c.Tiff"]),
        (["sub/*"], [], ["sub/a.png", "sub/deep/c.Tiff"]),
        (["*.jpg"], [], ["b.JPG"]),
        (["*"], ["sub/deep/*", "a.*"], ["b.JPG", "old.gif"]),
    ],
)
def test_include_and_exclude(tree: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    assert list(wanted_pictures(LocalStore(tree), include, exclude)[0]) == expected


def test_the_tree_is_mirrored(tree: Path, tmp_path: Path) -> None:
    plan = plan_jobs(tree, tmp_path / "out", exclude=["*.gif"])
    assert [(job.name, job.dst_name) for job in plan.jobs] == [(name, name) for name in ("a.png", "b.JPG", "sub/a.png", "sub/deep/c.Tiff")]
    assert (plan.source.root, plan.target.root) == (tree, tmp_path / "out")
    assert [job.name for job in plan_jobs(tree, tmp_path / "out", limit=2).jobs] == ["a.png", "b.JPG"]


def test_another_format_changes_suffixes_where_needed(tree: Path, tmp_path: Path) -> None:
    names = {job.name: job.dst_name for job in plan_jobs(tree, tmp_path / "out", format="jpeg").jobs}
    assert names == {
        "a.png": "a.jpg",
        "b.JPG": "b.JPG",
        "old.gif": "old.jpg",
        "sub/a.png": "sub/a.jpg",
        "sub/deep/c.Tiff": "sub/deep/c.jpg",
    }


def test_the_second_of_two_sources_of_one_name_says_where_it_came_from(tree: Path, tmp_path: Path) -> None:
    (tree / "a.bmp").touch()
    jobs = {job.name: job for job in plan_jobs(tree, tmp_path / "out", format="jpeg").jobs}
    assert (jobs["a.bmp"].dst_name, jobs["a.png"].dst_name, jobs["sub/a.png"].dst_name) == ("a.jpg", "a.png.jpg", "sub/a.jpg")
    assert jobs["a.png"].note == "is written as a.png.jpg, since another picture takes the name a.jpg"
    assert not jobs["a.bmp"].note
    limited = plan_jobs(tree, tmp_path / "out", format="jpeg", limit=2).jobs
    assert [job.dst_name for job in limited] == ["a.jpg", "a.png.jpg"], "a limit does not change names"
    some = plan_jobs(tree, tmp_path / "out", format="jpeg", include=["a.*"], exclude=["*.bmp"]).jobs
    assert [(job.name, job.dst_name) for job in some] == [("a.png", "a.png.jpg"), ("sub/a.png", "sub/a.jpg")], (
        "nor does what is chosen: a.jpg is the copy of a.bmp"
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["p.avif", "p.heic"], ["p.jpg", "p.heic.jpg"]),
        (["a.bmp", "a.jpg", "a.png"], ["a.bmp.jpg", "a.jpg", "a.png.jpg"]),
        (["A.png", "a.jpg"], ["A.png.jpg", "a.jpg"]),  # one file where the disk does not tell cases apart
        (["a.jpg", "a.png", "a.png.jpg"], ["a.jpg", "a.png.2.jpg", "a.png.jpg"]),
        (["a.JPEG", "a.jpg"], ["a.JPEG", "a.jpg"]),
    ],
)
def test_names_for_another_format(names: list[str], expected: list[str]) -> None:
    assert [target_names(names, "jpeg")[name] for name in names] == expected
    assert target_names(names[::-1], "jpeg") == target_names(names, "jpeg")
    assert target_names(names, "keep") == dict(zip(names, names, strict=True))


@pytest.mark.parametrize("where", [".", "sub", "sub/new", "..", "../src"])
def test_overlapping_trees_are_refused(tree: Path, where: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        plan_jobs(tree, tree / where)
    assert caught.value.hint


def test_a_link_does_not_hide_an_overlap(tree: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    link(linked, tree / "sub")
    with pytest.raises(UsageProblem, match="inside SRC"):
        plan_jobs(tree, linked)
    refuse_overlap(tree, tmp_path / "preview", "--preview")
    with pytest.raises(UsageProblem, match="--preview"):
        refuse_overlap(tree, tree / "preview", "--preview")


def test_a_single_picture(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (job,) = plan_jobs(tree / "a.png", out).jobs
    assert (job.name, job.dst_name) == ("a.png", "a.png")
    assert plan_jobs(tree / "a.png", out).target.root == out
    (job,) = plan_jobs(tree / "a.png", out / "other.png").jobs
    assert job.dst_name == "other.png"
    (job,) = plan_jobs(tree / "b.JPG", out / "other.jpeg").jobs
    assert job.dst_name == "other.jpeg"
    (job,) = plan_jobs(tree / "a.png", out / "other.jpg", format="jpeg").jobs
    assert job.dst_name == "other.jpg"
    with pytest.raises(UsageProblem, match=r"ends in \.jpg"):
        plan_jobs(tree / "a.png", out / "other.jpg")
    for target in (tree, tree / "a.png"):
        with pytest.raises(UsageProblem, match="overwrite SRC"):
            plan_jobs(tree / "a.png", target)


def test_nothing_there(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToDo) as caught:
        plan_jobs(tmp_path / "empty", tmp_path / "out")
    assert caught.value.exit_code == 3
    with pytest.raises(NothingToDo, match="--include"):
        plan_jobs(tree, tmp_path / "out", include=["*.xyz"])
    with pytest.raises(UsageProblem, match="does not exist"):
        plan_jobs(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(UsageProblem, match="is a file"):
        plan_jobs(tree, tree / "a.png")

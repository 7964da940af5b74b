"""Which files a command line means, and what their results are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparsescope.cli.exits import UsageError
from sparsescope.cli.files import collect, stem, targets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.tif", "a.ome.tif", "c.LSM", "a_sparse.ome.tif", "a_background.ome.tif", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.tiff").touch()
    return tmp_path


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_folder_gives_its_images_by_name_without_our_own_results(folder: Path) -> None:
    found = collect([folder])
    assert names(found.files) == ["a.ome.tif", "b.tif", "c.LSM"]
    assert names(found.left_out) == ["a_background.ome.tif", "a_sparse.ome.tif"]
    assert not found.failures


def test_a_pattern_that_no_shell_expanded_is_expanded(folder: Path) -> None:
    assert names(collect([folder / "*.tif"]).files) == ["a.ome.tif", "b.tif"]
    assert names(collect([folder / "**" / "*.tiff"]).files) == ["d.tiff"]


def test_a_result_of_ours_is_used_when_it_is_named_alone(folder: Path) -> None:
    assert names(collect([folder / "a_sparse.ome.tif"]).files) == ["a_sparse.ome.tif"]


def test_a_result_of_ours_among_others_is_left_out(folder: Path) -> None:
    found = collect([folder / "b.tif", folder / "a_sparse.ome.tif"])
    assert names(found.files) == ["b.tif"]
    assert names(found.left_out) == ["a_sparse.ome.tif"]


def test_each_file_is_used_once_however_often_it_is_named(folder: Path) -> None:
    (folder / "link.tif").symlink_to(folder / "b.tif")
    found = collect([folder / "b.tif", folder, folder / "sub" / ".." / "b.tif"])
    assert names(found.files) == ["b.tif", "a.ome.tif", "c.LSM"]


def test_a_name_with_brackets_is_that_file_and_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "cell[1].tif").touch()
    (tmp_path / "cell1.tif").touch()
    assert names(collect([tmp_path / "cell[1].tif"]).files) == ["cell[1].tif"]


def test_a_pattern_or_folder_without_images_is_a_failure_that_says_so(tmp_path: Path) -> None:
    found = collect([tmp_path / "*.tif", tmp_path])
    assert "no file matches" in found.failures[str(tmp_path / "*.tif")]
    assert "holds no file that can be read" in found.failures[str(tmp_path)]


def test_no_file_at_all_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no file given"):
        collect([])


def test_results_go_beside_their_input_or_into_the_folder_given(tmp_path: Path) -> None:
    file = tmp_path / "cell.v2.ome.tif"
    assert targets([file], None)[file] == tmp_path / "cell.v2_sparse.ome.tif"
    assert targets([file], Path("out"))[file] == Path("out/cell.v2_sparse.ome.tif")


def test_two_inputs_for_one_result_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"a/cell\.tif and b/cell\.tif would both become out/cell_sparse"):
        targets([Path("a/cell.tif"), Path("b/cell.tif")], Path("out"))
    assert len(targets([Path("a/cell.tif"), Path("b/cell.tif")], None)) == 2


@pytest.mark.parametrize("name", ["cell", ".tif", ".ome.tif", "..tif"])
def test_a_stem_is_never_empty(name: str) -> None:
    assert stem(Path(name))


@pytest.mark.skipif(os.name == "nt", reason="names of Windows are text")
def test_a_folder_with_a_name_that_is_no_text_is_read(tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff.tif")).touch()
    assert len(collect([tmp_path]).files) == 1

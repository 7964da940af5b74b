"""Arrays in files without a name: they index as NumPy's do, leave nothing behind, and say when a disk is full."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsescope.errors import OutputError
from sparsescope.pipeline.shelf import Shelf

LENGTHS = (3, 2, 5, 4)


def parts(length: int) -> st.SearchStrategy[int | slice]:
    return st.integers(-length, length - 1) | st.slices(length)


KEYS = st.integers(0, 4).flatmap(lambda count: st.tuples(*(parts(n) for n in LENGTHS[:count])))


@given(KEYS, st.booleans())
def test_reading_any_part_is_that_of_an_array(key: tuple[Any, ...], dots: bool) -> None:
    whole = np.random.default_rng(0).random(LENGTHS, np.float32)
    shelf = Shelf(LENGTHS, Path("/tmp"))
    shelf[...] = whole
    key = (*key, ...) if dots else key
    np.testing.assert_array_equal(shelf[key], whole[key])
    np.testing.assert_array_equal(np.asarray(shelf), whole)
    shelf.close()


@given(KEYS, st.booleans())
def test_writing_any_part_is_that_of_an_array(key: tuple[Any, ...], one_number: bool) -> None:
    whole = np.zeros(LENGTHS, np.float32)
    shelf = Shelf(LENGTHS, Path("/tmp"))
    shape = whole[key].shape
    value = 7.0 if one_number else np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    shelf[key], whole[key] = value, value
    np.testing.assert_array_equal(np.asarray(shelf), whole)
    shelf.close()


def test_planes_written_backwards_are_turned_round(tmp_path: Path) -> None:
    shelf, plane = Shelf((2, 3, 4), tmp_path), np.arange(12, dtype=np.float32).reshape(3, 4)
    shelf[1, ::-1] = plane
    np.testing.assert_array_equal(shelf[1], plane[::-1])


def test_a_file_of_it_is_never_seen_and_its_space_is_given_back(tmp_path: Path) -> None:
    shelf = Shelf((4, 8, 8), tmp_path)
    shelf[1] = 3
    assert not list(tmp_path.iterdir())
    shelf.close()
    with pytest.raises(ValueError, match="closed"):
        shelf[1]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told(tmp_path: Path, number: int) -> None:
    class Full:
        def __getattr__(self, name: str) -> Any:
            raise OSError(number, "full")

    shelf = Shelf((4, 8, 8), tmp_path)
    shelf._file = Full()
    with pytest.raises(OutputError, match="the disk is full or a quota is reached"):
        shelf[0] = 1


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        Shelf((4, 8, 8), tmp_path / "gone")


def test_an_index_that_is_outside_is_an_error(tmp_path: Path) -> None:
    shelf = Shelf((4, 8, 8), tmp_path)
    for key in (4, (0, 8), (0, 0, 0, 0)):
        with pytest.raises(IndexError):
            shelf[key]

"""The busiest place: most light with most fine structure, whatever else is there."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope import as_image
from sparsescope.report.busy import busiest_place


def lines(plane: np.ndarray, row: int, column: int, height: float) -> None:
    plane[row : row + 24 : 8, column : column + 24] += height


def test_lines_go_before_a_brighter_haze() -> None:
    y, x = np.mgrid[:128, :128]
    plane = 10 + 300 * np.exp(-((y - 30) ** 2 + (x - 30) ** 2) / (2 * 25.0**2))
    lines(plane, 90, 90, 200)
    place = busiest_place(as_image(plane), 32, 3.0)
    assert place.rows.start >= 72
    assert place.columns.start >= 72


def test_a_crowd_of_lines_goes_before_one_hot_pixel() -> None:
    plane = np.zeros((128, 128))
    plane[10, 10] = 1e6
    lines(plane, 90, 60, 50)
    assert busiest_place(as_image(plane), 32, 3.0).rows.start >= 72


def test_bright_lines_go_before_dim_ones() -> None:
    plane = np.zeros((128, 128))
    lines(plane, 10, 10, 50)
    lines(plane, 90, 90, 100)
    assert busiest_place(as_image(plane), 32, 3.0).rows.start >= 72


def test_of_equal_lines_those_with_more_light_are_taken() -> None:
    plane = np.zeros((128, 128))
    lines(plane, 10, 10, 50)
    lines(plane, 90, 90, 50)
    plane[64:, 64:] += 100 * np.hanning(64)[:, None] * np.hanning(64)
    assert busiest_place(as_image(plane), 32, 3.0).rows.start >= 72


def test_the_plane_with_the_structure_is_found_along_time_and_z_in_the_first_channel() -> None:
    data = np.random.default_rng(0).poisson(5, (3, 2, 5, 48, 48)).astype(float)
    lines(data[2, 0, 3], 8, 8, 60)
    lines(data[0, 1, 0], 8, 8, 900)
    assert busiest_place(as_image(data, axes="TCZYX"), 48, 3.0).index == {"T": 2, "C": 0, "Z": 3}


@pytest.mark.parametrize("shape", [(20, 300), (300, 20), (31, 33)])
def test_a_window_never_leaves_the_image_and_is_as_large_as_fits(shape: tuple[int, int]) -> None:
    place = busiest_place(as_image(np.random.default_rng(1).normal(size=shape)), 64, 3.0)
    for part, length in zip((place.rows, place.columns), shape, strict=True):
        assert 0 <= part.start < part.stop <= length
        assert part.stop - part.start == min(64, length)


@pytest.mark.parametrize("values", [0.0, np.nan, np.inf])
def test_an_image_with_nothing_in_it_has_a_first_place(values: float) -> None:
    place = busiest_place(as_image(np.full((40, 40), values)), 16, 3.0)
    assert place.describe() == "rows 0 to 15, columns 0 to 15"

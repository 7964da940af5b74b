"""Our PNG encoder, read back by another program."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.image import imread

from sparsescope.report.png import grey_png, number_png


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_every_pixel_comes_back(values: np.ndarray[Any, Any]) -> None:
    read = imread(io.BytesIO(grey_png(values)), format="png")
    assert np.array_equal(np.rint(read * 255).astype(np.uint8), values)


@given(arrays.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_every_number_comes_back_from_red_and_green(values: np.ndarray[Any, Any]) -> None:
    read = np.rint(imread(io.BytesIO(number_png(values)), format="png") * 255)
    assert np.array_equal(read[..., 0] * 256 + read[..., 1], values)


def test_a_smooth_picture_is_small_and_the_same_every_time() -> None:
    y, x = np.mgrid[:256, :256]
    values = ((x + y) // 2).astype(np.uint8)
    assert grey_png(values) == grey_png(values.copy())
    assert len(grey_png(values)) < values.size / 20

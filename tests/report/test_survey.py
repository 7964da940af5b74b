"""Range, saturation and oddities of pixel values, against counts that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sparsescope import Image, as_image
from sparsescope.report.survey import planes, survey


@given(arrays.arrays(np.uint16, st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))))
def test_range_and_mean_are_those_of_the_whole_array(values: np.ndarray[Any, Any]) -> None:
    found = survey(as_image(values, axes="TYX"))
    assert (found.minimum, found.maximum) == (values.min(), values.max())
    assert found.mean == pytest.approx(values.mean())
    assert found.full_scale is not None
    assert found.saturated == np.mean(values >= found.full_scale)


@pytest.mark.parametrize("top", [255, 1023, 4095, 16383, 65535])
def test_a_maximum_at_the_top_of_a_detector_is_saturation(top: int) -> None:
    values = np.full((10, 10), 7, np.uint16)
    values[0, :3] = top
    found = survey(as_image(values))
    assert (found.full_scale, found.saturated) == (top, 0.03)


def test_the_bit_depth_that_the_file_tells_is_the_top() -> None:
    image = Image(np.full((4, 4), 1000, np.uint16), "YX", meta={"bits": 12})
    assert survey(image).full_scale == 4095


def test_values_above_the_told_bit_depth_make_the_type_the_top() -> None:
    image = Image(np.full((4, 4), 5000, np.uint16), "YX", meta={"bits": 12})
    assert (survey(image).full_scale, survey(image).saturated) == (65535, 0)


def test_an_unremarkable_maximum_makes_the_type_the_top() -> None:
    assert survey(as_image(np.full((4, 4), 200, np.uint16))).full_scale == 65535
    assert survey(as_image(np.full((4, 4), 200, np.int16))).full_scale == 32767


def test_values_that_no_detector_gives_are_counted_and_left_out() -> None:
    found = survey(as_image(np.array([[np.nan, np.inf], [-1.0, 3.0]], np.float32)))
    assert (found.not_finite, found.negative) == (2, 1)
    assert (found.minimum, found.maximum, found.mean) == (-1, 3, 1)
    assert (found.full_scale, found.saturated) == (None, None)


def test_an_image_without_finite_values_has_no_range() -> None:
    found = survey(as_image(np.full((2, 2), np.nan)))
    assert (found.minimum, found.maximum, found.mean, found.not_finite) == (None, None, None, 4)


def test_planes_are_read_one_by_one_in_order() -> None:
    values = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    read = list(planes(as_image(values, axes="TCYX")))
    assert np.array_equal(np.stack(read), values.reshape(6, 4, 5))

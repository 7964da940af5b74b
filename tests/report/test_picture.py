"""The before/after picture: a PNG with the right panels, the busy part, an honest scale bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsescope import SparsescopeError, as_image
from sparsescope.report.picture import before_after, busiest, plane_of, round_length


@given(st.floats(1e-6, 1e6))
def test_a_scale_bar_is_1_2_or_5_times_a_power_of_ten_and_as_long_as_fits(longest: float) -> None:
    length = round_length(longest)
    assert f"{length:e}"[0] in "125"
    assert length <= longest * (1 + 1e-9) < 2.6 * length


def test_the_part_with_a_crowd_of_dim_spots_goes_before_one_bright_spot() -> None:
    plane = np.zeros((128, 128), np.float32)
    plane[10:14, 10:14] = 1000
    plane[80:120:4, 80:120:4] = 20
    row, column = busiest(plane, 40)
    assert row > 60
    assert column > 60


def test_the_plane_shown_is_the_first_time_and_channel_and_the_middle_of_z() -> None:
    values = np.arange(2 * 3 * 5 * 4 * 4).reshape(2, 3, 5, 4, 4)
    plane, which = plane_of(as_image(values, axes="TCZYX"))
    assert np.array_equal(plane, values[0, 0, 2])
    assert which == "T 0, C 0, Z 2"


@pytest.mark.parametrize("size", [0.1, None])
def test_a_png_is_written_for_every_kind_of_image(tmp_path: Path, size: float | None) -> None:
    random = np.random.default_rng(0)
    before = as_image(random.poisson(50, (3, 40, 60)), axes="ZYX", pixel_size_um=size)
    after = as_image(np.zeros((3, 80, 120), np.float32), axes="ZYX", pixel_size_um=size and size / 2)
    before_after(before, after, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_an_existing_picture_is_kept_unless_replacing_is_allowed(tmp_path: Path) -> None:
    image = as_image(np.eye(16))
    path = tmp_path / "picture.png"
    path.write_text("mine")
    with pytest.raises(SparsescopeError, match="exists"):
        before_after(image, image, path)
    assert path.read_text() == "mine"
    before_after(image, image, path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_input_is_not_written_into() -> None:
    values = np.random.default_rng(0).normal(size=(32, 32))
    kept = values.copy()
    busiest(values, 8)
    assert np.array_equal(values, kept)

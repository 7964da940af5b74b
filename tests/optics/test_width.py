"""Widths measured on arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsescope.errors import RecipeError
from sparsescope.optics.gaussian import gaussian_psf
from sparsescope.optics.psf import Psf
from sparsescope.optics.width import fwhm_px, fwhm_um, line_fwhm_px


@given(st.floats(2.0, 12.0), st.floats(2.0, 12.0), st.floats(2.0, 12.0))
def test_the_width_of_a_gaussian_is_found_to_one_part_in_200(z: float, y: float, x: float) -> None:
    found = fwhm_px(Psf(gaussian_psf((z, y, x), 3)))
    for axis, width in zip("zyx", (z, y, x), strict=True):
        assert found[axis] == pytest.approx(np.sqrt(width**2 + 8 * np.log(2) / 12), rel=0.005)


@given(st.floats(-0.5, 0.5))
def test_a_shift_by_part_of_a_voxel_changes_nothing(shift: float) -> None:
    line = np.exp(-np.square(np.arange(-12, 13) - shift) / (2 * 1.7**2))
    assert line_fwhm_px(line, int(line.argmax())) == pytest.approx(1.7 * 2.35482, rel=0.002)


def test_sizes_are_those_of_the_voxels() -> None:
    psf = Psf(gaussian_psf((6.0, 4.0, 4.0), 3), {"z": 0.2, "y": 0.1, "x": 0.05})
    assert fwhm_um(psf) == {axis: fwhm_px(psf)[axis] * psf.spacing_um[axis] for axis in "zyx"}


def test_a_line_that_does_not_fall_to_half_has_no_width() -> None:
    psf = Psf(np.ones((3, 5, 5)) + gaussian_psf(3.0, 3)[6:7, 4:9, 4:9])
    assert fwhm_px(psf) == {"z": None, "y": None, "x": None}
    assert fwhm_px(Psf(np.eye(3)[1:2] + 0.1))["y"] is None


def test_rings_beside_the_crest_are_not_counted() -> None:
    line = np.exp(-np.square(np.arange(-15, 16) / 1.5)) + 0.6 * np.exp(-np.square((np.arange(-15, 16) - 9) / 1.5))
    assert line_fwhm_px(line, 15) == pytest.approx(1.5 * 2 * np.sqrt(np.log(2)), rel=0.01)


def test_voxels_without_a_size_are_refused_with_the_flag() -> None:
    with pytest.raises(RecipeError, match=r"along z.*--z-step-um"):
        fwhm_um(Psf(np.ones((3, 3, 3)), {"y": 0.1, "x": 0.1}))

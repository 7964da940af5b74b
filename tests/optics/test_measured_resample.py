"""Resampling: Gaussians become the Gaussians of the other voxels, light and centre stay, what cannot be is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optics.bead_scenes import correlation, spot, truth
from sparsescope.errors import RecipeError
from sparsescope.optics.measured_average import centroid_px
from sparsescope.optics.measured_resample import resampled
from sparsescope.optics.psf import Psf


def gaussian(fwhm_um: float, step_um: float) -> np.ndarray:
    half = int(2.2 * fwhm_um / step_um)
    return truth((2 * half + 1,) * 2, (fwhm_um / step_um,) * 2)


@settings(deadline=None, max_examples=25)
@given(st.floats(0.55, 3.0))
def test_a_gaussian_on_other_pixels_is_the_gaussian_integrated_over_those(factor: float) -> None:
    step = 0.05
    psf = Psf(gaussian(0.3, step), {"y": step, "x": step})
    found = resampled(psf, {"y": step * factor, "x": step * factor})
    n = found.data.shape[0]
    known = truth((n, n), (0.3 / (step * factor),) * 2)
    np.testing.assert_allclose(found.data, known / known.sum(), atol=3e-4 * known.max())
    assert found.data.sum(dtype=float) == pytest.approx(1, abs=1e-6)
    assert dict(found.spacing_um) == {"y": step * factor, "x": step * factor}
    assert all(length % 2 for length in found.data.shape)


def test_planes_are_points_and_pixels_are_areas():
    z = np.arange(-24, 25)[:, None, None] * 0.1
    narrow = np.exp(-4 * np.log(2) * (z / 0.8) ** 2)
    psf = Psf((narrow * gaussian(0.3, 0.05)).astype(np.float32), {"z": 0.1, "y": 0.05, "x": 0.05})
    found = resampled(psf, {"z": 0.25, "y": 0.1, "x": 0.1}).data
    places = (np.arange(found.shape[0]) - found.shape[0] // 2) * 0.25
    along = np.exp(-4 * np.log(2) * (places / 0.8) ** 2)
    np.testing.assert_allclose(found.sum((1, 2)), along / along.sum(), atol=1e-3)
    across = gaussian(0.3, 0.1)
    assert correlation(found.sum(0), across) > 0.99999


def test_the_centre_of_an_asymmetric_psf_stays_where_it_is_in_micrometres():
    shape = (61, 61)
    skewed = spot(shape, (30, 30), (6.0, 6.0)) + 0.4 * spot(shape, (33, 31), (9.0, 9.0))
    psf = Psf(skewed.astype(np.float32), {"y": 0.05, "x": 0.05})
    found = resampled(psf, {"y": 0.08, "x": 0.065})
    before = centroid_px(psf.data.astype(float), (7.0, 7.0)) * 0.05
    after = centroid_px(found.data.astype(float), (7.0 * 5 / 8, 7.0 * 5 / 6.5)) * (0.08, 0.065)
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_the_same_voxels_change_nothing():
    psf = Psf(gaussian(0.3, 0.05), {"y": 0.05, "x": 0.05})
    assert resampled(psf, {"y": 0.05, "x": 0.05 * 1.0005}) is psf


def test_going_there_and_back_gives_the_same():
    psf = Psf(gaussian(0.4, 0.05), {"y": 0.05, "x": 0.05})
    there = resampled(psf, {"y": 0.08, "x": 0.08})
    assert correlation(resampled(there, psf.spacing_um).data, psf.data) > 0.9999
    assert there.notes == ("resampled from voxels of 0.05 × 0.05 µm to 0.08 × 0.08 µm (y, x)",)


@pytest.mark.parametrize(
    ("own", "image", "message"),
    [
        (
            {"y": 0.05, "x": 0.05},
            {"y": 0.02, "x": 0.02},
            r"2.5 times as large as the image's along y .* at most 2",
        ),
        ({"y": 65.0, "x": 65.0}, {"y": 0.065, "x": 0.065}, "if it is in nanometres, divide it by 1000"),
        ({"y": 0.0005, "x": 0.0005}, {"y": 0.065, "x": 0.065}, "times smaller than the image's .* both are in µm"),
        ({"x": 0.05}, {"y": 0.05, "x": 0.05}, "does not say its voxel size along y"),
        ({"y": 0.05, "x": 0.05}, {}, "the image's size along y is not known: give it by --pixel-size-um"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(own, image, message):
    with pytest.raises(RecipeError, match=message):
        resampled(Psf(gaussian(0.3, 0.05), own), image)


def test_an_undersampled_psf_is_not_resampled():
    psf = Psf(truth((9, 9), (1.2, 1.2)).astype(np.float32), {"y": 0.2, "x": 0.2})
    with pytest.raises(RecipeError, match="undersampled along y"):
        resampled(psf, {"y": 0.15, "x": 0.15})

"""Smooth background from low percentiles: flat, hazy, held under the data."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.preprocess.haze import MODES, haze


def haze_field(side: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side] / side
    return (60 + 40 * np.sin(3 * y) * np.cos(2 * x)).astype(np.float32)


def with_dots(side: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    plane = haze_field(side)
    for y, x in rng.integers(5, side - 5, (30, 2)):
        plane[y - 2 : y + 3, x - 2 : x + 3] += 200
    return plane


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (33, 70), (128, 128)], ids=str)
def test_a_constant_plane_is_its_own_background_at_any_size(mode: str, shape: tuple[int, int]) -> None:
    np.testing.assert_allclose(haze(np.full(shape, 107.0), mode, fwhm_px=3.0), 107.0, rtol=1e-5)


def test_a_fitted_background_follows_haze_that_low_percentiles_cannot() -> None:
    plane, truth = with_dots(256), haze_field(256)
    error = {mode: float(np.std(haze(plane, mode, fwhm_px=3.0) - truth)) for mode in MODES}
    assert error["smooth-16"] < 0.02 * error["flat"]
    assert error["smooth-8"] < 0.05 * error["flat"]
    assert error["smooth-wide"] < error["flat"]


@pytest.mark.parametrize("mode", MODES)
def test_the_background_lies_under_the_smoothed_plane(mode: str) -> None:
    from scipy import ndimage

    plane = with_dots(200)
    smooth = ndimage.gaussian_filter(plane, 0.6 * 3.0)
    assert (haze(plane, mode, fwhm_px=3.0) - smooth).max() < 0.02 * np.ptp(plane)


@pytest.mark.parametrize("mode", MODES)
def test_an_offset_adds_to_the_background_and_a_factor_multiplies_it(mode: str) -> None:
    plane = with_dots(120) + np.random.default_rng(3).normal(0, 2, (120, 120)).astype(np.float32)
    once = haze(plane, mode, fwhm_px=3.0)
    np.testing.assert_allclose(haze(plane * 7 + 100, mode, fwhm_px=3.0), once * 7 + 100, rtol=2e-3)


@pytest.mark.parametrize("mode", MODES)
def test_the_plane_is_not_written_into(mode: str) -> None:
    plane = with_dots(64)
    plane.setflags(write=False)
    assert haze(plane, mode, fwhm_px=3.0).dtype == np.float32

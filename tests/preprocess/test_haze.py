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


def test_a_local_window_follows_haze_that_a_wide_one_cannot() -> None:
    plane, truth = with_dots(256), haze_field(256)
    error = {mode: float(np.std(haze(plane, mode, fwhm_px=3.0) - truth)) for mode in MODES}
    assert error["smooth-12"] < 0.15 * error["flat"]
    assert error["smooth-20"] < error["smooth-40"] < error["flat"]


@pytest.mark.parametrize("mode", MODES)
def test_the_background_lies_under_the_smoothed_plane(mode: str) -> None:
    from scipy import ndimage

    plane = with_dots(200)
    smooth = ndimage.gaussian_filter(plane, 0.6 * 3.0)
    assert (haze(plane, mode, fwhm_px=3.0) - smooth).max() < 0.02 * np.ptp(plane)


def test_an_offset_adds_to_the_background_and_a_factor_multiplies_it() -> None:
    plane = with_dots(120)
    once = haze(plane, "smooth-12", fwhm_px=3.0)
    np.testing.assert_allclose(haze(plane * 7 + 100, "smooth-12", fwhm_px=3.0), once * 7 + 100, rtol=1e-4)


def test_the_plane_is_not_written_into() -> None:
    plane = with_dots(64)
    plane.setflags(write=False)
    assert haze(plane, "smooth-8", fwhm_px=3.0).dtype == np.float32

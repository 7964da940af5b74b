"""Detail beyond the band of the assumed PSF: none in noise and at the right width, plain where the PSF is too wide."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sparsescope.quality.psf_band import excess_beyond


def frame(fwhm: float, photons: float, seed: int = 0) -> np.ndarray:
    """Points through a Gaussian PSF, counted; `photons` at their brightest pixel."""
    rng = np.random.default_rng(seed)
    scene = np.zeros((256, 256))
    scene[tuple(rng.integers(0, 256, (2, 400)))] = rng.uniform(0.3, 1, 400)
    seen = ndimage.gaussian_filter(scene, 0.424661 * fwhm)
    return rng.poisson(seen / seen.max() * photons + 2).astype(float)


def test_noise_has_no_excess_and_its_standard_error_is_right() -> None:
    found = [
        excess_beyond(np.random.default_rng(seed).poisson(30, (128, 128)), 5.0).sigmas for seed in range(80)
    ]  # fmt: skip
    assert abs(np.mean(found)) < 0.35
    assert np.std(found) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("photons", [100, 1000, 3000])
def test_a_psf_of_the_right_width_has_none_and_one_half_too_wide_has_it(photons: float) -> None:
    data = frame(4.0, photons)
    assert excess_beyond(data, 4.0).sigmas < 3.5
    assert excess_beyond(data, 6.0).sigmas > 3.5
    assert excess_beyond(5 * data + 100, 6.0).sigmas == pytest.approx(excess_beyond(data, 6.0).sigmas, rel=1e-3)


def test_where_the_pixels_leave_no_room_nothing_is_said() -> None:
    assert excess_beyond(frame(2.0, 100), 2.0) is None
    assert excess_beyond(np.ones((128, 128)), 5.0) is None
    assert excess_beyond(frame(4.0, 100)[:50], 5.0) is None

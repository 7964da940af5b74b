"""The bead's size, symmetry, noise and crop of a measured PSF."""

from __future__ import annotations

import numpy as np
import pytest

from optics.bead_scenes import truth
from sparsescope.optics.measured_find import widths_px
from sparsescope.optics.measured_shape import ball_widening, cropped, denoised, support, symmetrised, without_ball

RANDOM = np.random.default_rng(0)


def test_a_ball_has_the_variance_of_a_twentieth_of_its_squared_diameter():
    z, y, x = np.indices((81, 81, 81)) - 40
    inside = z**2 + y**2 + x**2 <= 30**2
    assert float((x**2)[inside].mean()) == pytest.approx(60**2 / 20, rel=0.01)
    sigma = 0.4246609 * 0.3
    assert ball_widening(0.2, (0.3,))[0] == pytest.approx(sigma / np.sqrt(sigma**2 - 0.2**2 / 20), rel=1e-5)
    assert ball_widening(5.0, (0.3,)) == (float("inf"),)


def test_dividing_a_ball_out_of_a_gaussian_of_its_kind_leaves_the_gaussian():
    """A Gaussian blurred with a ball by the transfer function of this."""
    shape, step, diameter = (41, 61, 61), (0.1, 0.05, 0.05), 0.15
    sharp = truth(shape, (6.0, 5.0, 5.0))
    frequencies = np.meshgrid(*(np.fft.fftfreq(n, s) for n, s in zip(shape, step, strict=True)), indexing="ij")
    q = np.pi * diameter * np.sqrt(sum(k**2 for k in frequencies))
    with np.errstate(invalid="ignore"):
        ball = np.where(q > 0, 3 * (np.sin(q) - q * np.cos(q)) / q**3, 1.0)
    blurred = np.fft.ifftn(np.fft.fftn(sharp) * ball).real
    found = without_ball(blurred, diameter, step)
    assert np.abs(found - sharp).max() < 0.03 * sharp.max() < np.abs(blurred - sharp).max()
    assert found.sum() == pytest.approx(1, abs=1e-3)


def test_turning_keeps_what_is_round_and_makes_round_what_is_not():
    even = truth((41, 41), (6.0, 6.0))
    np.testing.assert_allclose(symmetrised(even, (1.0, 1.0)), even, atol=2e-3 * even.max())
    oval = symmetrised(truth((41, 41), (8.0, 5.0)), (1.0, 1.0))
    assert widths_px(oval)[0] == pytest.approx(widths_px(oval)[1], rel=1e-3)


def test_turning_knows_pixels_that_are_not_square():
    round_in_um = truth((31, 61), (4.0, 8.0))
    found = symmetrised(round_in_um, (0.2, 0.1))
    np.testing.assert_allclose(found, round_in_um, atol=0.02 * found.max())


def test_frequencies_of_noise_are_taken_out_and_those_of_the_psf_left():
    clean = truth((41, 41), (6.0, 6.0)) * 40
    noisy = clean + RANDOM.normal(0, 0.02 * clean.max(), clean.shape)
    found = denoised(noisy, (6.0, 6.0))
    assert np.std(found - clean) < 0.4 * np.std(noisy - clean)
    np.testing.assert_allclose(denoised(clean, (6.0, 6.0)), clean, atol=1e-3 * clean.max())
    assert found.sum() == pytest.approx(noisy.sum())


def test_the_support_ends_in_the_noise_and_holds_no_islands():
    clean = truth((81, 81), (5.0, 5.0))
    clean /= clean.max()
    noisy = clean + RANDOM.normal(0, 0.01, clean.shape)
    noisy[5:9, 5:9] += 0.2
    found = support(noisy, 0.01, (5.0, 5.0))
    assert found[40, 40] == pytest.approx(1)
    assert found[:20].max() == 0
    assert found[clean > 0.05].min() > 0.95
    edge = np.abs(np.diff(found, axis=0)).max()
    assert 0 < edge < 0.6


def test_cropping_keeps_the_middle_in_the_middle():
    values = np.zeros((9, 11))
    values[4, 5] = 1
    values[3, 9] = 1
    found = cropped(values)
    assert found.shape == (3, 9)
    assert found[1, 4] == 1

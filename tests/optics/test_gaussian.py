"""The Gaussian PSF against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, special

from sparsescope.errors import RecipeError
from sparsescope.optics.gaussian import SIGMA_PER_FWHM, fwhm_from_optics_um, gaussian_kernel1d, gaussian_psf

WIDTHS = st.floats(0.05, 60)


def density(x: float, sigma: float) -> float:
    return math.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))


@pytest.mark.parametrize("fwhm_px", [0.8, 2.0, 3.0, 4.7])
def test_each_weight_is_the_integral_of_the_gaussian_over_its_pixel(fwhm_px: float) -> None:
    weights = gaussian_kernel1d(fwhm_px)
    radius = len(weights) // 2
    sigma = fwhm_px / 2.354820045
    for k, weight in enumerate(weights, start=-radius):
        integral, _ = integrate.quad(density, k - 0.5, k + 0.5, args=(sigma,))
        assert weight == pytest.approx(integral, rel=2e-6, abs=1e-12)


@given(fwhm_px=WIDTHS)
def test_the_weights_sum_to_one_and_are_symmetric(fwhm_px: float) -> None:
    weights = gaussian_kernel1d(fwhm_px)
    assert weights.dtype == np.float32
    assert weights.size % 2 == 1
    assert abs(weights.sum(dtype=np.float64) - 1) < 1e-7
    assert np.array_equal(weights, weights[::-1])
    assert (np.diff(weights[: weights.size // 2 + 1]) >= 0).all()


@given(fwhm_px=st.floats(2.4, 60))  # narrower ones alias: the sum over pixels is no longer the integral
def test_the_variance_is_that_of_the_gaussian_and_the_pixel_together(fwhm_px: float) -> None:
    weights = gaussian_kernel1d(fwhm_px, truncate=8).astype(np.float64)
    position = np.arange(weights.size) - weights.size // 2
    sigma = fwhm_px * SIGMA_PER_FWHM
    assert (weights * position**2).sum() == pytest.approx(sigma**2 + 1 / 12, rel=2e-6)


@given(fwhm_px=WIDTHS)
def test_the_mass_left_out_is_below_one_part_in_a_million_in_two_dimensions(fwhm_px: float) -> None:
    outer_border = gaussian_kernel1d(fwhm_px).size / 2
    outside = math.erfc(outer_border / (fwhm_px * SIGMA_PER_FWHM * math.sqrt(2)))
    assert 2 * outside < 1e-6


def test_the_full_width_at_half_maximum_is_the_one_asked_for() -> None:
    # 1000 px wide, so that the pixels sample the curve finely and their integration does not widen it
    weights = gaussian_kernel1d(1000.0).astype(np.float64)
    above = np.nonzero(weights >= weights.max() / 2)[0]
    assert above[-1] - above[0] == pytest.approx(1000, abs=1)
    assert pytest.approx(1 / 2.354820045, rel=1e-9) == SIGMA_PER_FWHM


def test_a_very_narrow_gaussian_is_one_pixel() -> None:
    weights = gaussian_kernel1d(0.01)
    assert weights[weights.size // 2] == 1
    assert weights.sum() == 1


@pytest.mark.parametrize(("fwhm_px", "shape"), [((3.0, 2.0), (13, 9)), ([2.0, 4.0, 4.0], (9, 19, 19)), (3.0, (13, 13))])
def test_the_psf_is_the_outer_product_of_its_kernels(
    fwhm_px: float | tuple[float, ...], shape: tuple[int, ...]
) -> None:
    psf = gaussian_psf(fwhm_px, len(shape))
    widths = [fwhm_px] * len(shape) if isinstance(fwhm_px, float) else fwhm_px
    product = np.ones(())
    for width in widths:
        product = np.multiply.outer(product, gaussian_kernel1d(width).astype(np.float64))
    assert psf.shape == shape
    assert psf.dtype == np.float32
    assert np.abs(psf - product).max() < 3e-7 * psf.max()
    assert abs(psf.sum(dtype=np.float64) - 1) < 1e-7
    assert np.unravel_index(psf.argmax(), psf.shape) == tuple(n // 2 for n in shape)


def test_widths_may_come_as_an_array() -> None:
    assert np.array_equal(gaussian_psf(np.array([3.0, 2.0])), gaussian_psf((3.0, 2.0)))


def test_one_axis_gives_the_kernel() -> None:
    assert np.array_equal(gaussian_psf(3.0, 1), gaussian_kernel1d(3.0))


def test_a_wider_truncation_makes_a_longer_kernel() -> None:
    assert (
        gaussian_kernel1d(3.0, truncate=3).size < gaussian_kernel1d(3.0).size < gaussian_kernel1d(3.0, truncate=8).size
    )
    assert abs(gaussian_kernel1d(3.0, truncate=1).sum(dtype=np.float64) - 1) < 1e-7


def test_the_width_from_the_optics_is_that_of_the_airy_pattern() -> None:
    half = optimize.brentq(lambda v: (2 * special.j1(v) / v) ** 2 - 0.5, 1.0, 2.0)
    exact_um = 2 * half / (2 * np.pi) * 0.525 / 1.4
    assert fwhm_from_optics_um(1.4, 525.0) == pytest.approx(exact_um, rel=0.01)
    assert fwhm_from_optics_um(1.4, 525.0) == pytest.approx(0.51 * 0.525 / 1.4)


@pytest.mark.parametrize("fwhm_px", [0, -3.0, np.nan, np.inf, 1001])
def test_a_width_that_is_not_positive_or_absurd_is_refused(fwhm_px: float) -> None:
    for make in (gaussian_kernel1d, gaussian_psf):
        with pytest.raises(RecipeError, match=r"PSF width = .* px is not allowed"):
            make(fwhm_px)


@pytest.mark.parametrize("truncate", [0, -1, np.nan, 21])
def test_a_truncation_out_of_range_is_refused(truncate: float) -> None:
    with pytest.raises(RecipeError, match=r"truncate = .* is not allowed"):
        gaussian_kernel1d(3.0, truncate=truncate)


def test_a_wrong_number_of_widths_or_axes_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"3 widths .* for a PSF of 2 axes"):
        gaussian_psf((1.0, 2.0, 3.0))
    with pytest.raises(RecipeError, match="1, 2 or 3 axes"):
        gaussian_psf(3.0, 4)


@pytest.mark.parametrize(
    ("aperture", "emission_nm"), [(0, 525), (2.5, 525), (np.nan, 525), (1.4, 0.525), (1.4, np.nan)]
)
def test_optics_out_of_range_are_refused(aperture: float, emission_nm: float) -> None:
    with pytest.raises(RecipeError, match="is not allowed"):
        fwhm_from_optics_um(aperture, emission_nm)

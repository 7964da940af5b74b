"""The Airy pattern against its closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import fft, special

from sparsescope.errors import RecipeError
from sparsescope.optics.airy import CUT_OFF, HALF_MAXIMUM, LARGEST_REACH_PX, airy_psf, transfer


def test_half_of_the_maximum_lies_at_half_of_the_width() -> None:
    assert (2 * special.j1(HALF_MAXIMUM) / HALF_MAXIMUM) ** 2 == pytest.approx(0.5, abs=1e-12)
    psf = airy_psf((40.0, 40.0))  # pixels so small that integration over them changes nothing
    middle = len(psf) // 2
    assert psf[middle, middle + 20] / psf[middle, middle] == pytest.approx(0.5, abs=2e-3)
    assert psf[middle + 20, middle] / psf[middle, middle] == pytest.approx(0.5, abs=2e-3)


def test_the_rings_are_dark_where_the_bessel_function_is_zero() -> None:
    width = 40.0
    psf = airy_psf((width, width))
    middle, unit = len(psf) // 2, width / (2 * HALF_MAXIMUM)
    for zero in special.jn_zeros(1, 3):
        assert psf[middle, middle + round(zero * unit)] < 2e-4 * psf[middle, middle]
    second = psf[middle, middle + round(5.1356 * unit)] / psf[middle, middle]  # the first bright ring: 1.75 %
    assert second == pytest.approx(0.0175, abs=5e-4)


@pytest.mark.parametrize("widths", [(3.2, 3.2), (1.3, 1.3), (2.4, 6.0)])
def test_the_spectrum_is_that_of_a_pupil_integrated_over_the_pixel_and_ends_at_its_cut_off(
    widths: tuple[float, float],
) -> None:
    psf = airy_psf(widths, reach=40.0)
    frequencies = [fft.fftfreq(n) for n in psf.shape]
    spectrum = fft.fft2(fft.ifftshift(psf.astype(float))).real
    relative = np.hypot(frequencies[0][:, None] * widths[0], frequencies[1] * widths[1]) / CUT_OFF
    pixel = np.sinc(frequencies[0])[:, None] * np.sinc(frequencies[1])
    assert min(widths) < 2 or np.abs(spectrum - transfer(relative) * pixel).max() < 0.012  # coarser pixels alias
    beyond = relative > 1.1
    assert not beyond.any() or min(widths) < 2 or np.abs(spectrum[beyond]).max() < 2e-3


def test_each_pixel_holds_the_integral_over_it() -> None:
    width, fine = 1.7, 100
    at = (np.arange(3 * fine) + 0.5) / fine - 0.5
    v = np.hypot(at[:, None], at) * 2 * HALF_MAXIMUM / width
    sums = ((2 * special.j1(v) / v) ** 2).reshape(3, fine, 3, fine).sum((1, 3))
    psf = airy_psf((width, width))
    middle = len(psf) // 2
    quadrant = psf[middle : middle + 3, middle : middle + 3]
    assert np.abs(quadrant / quadrant[0, 0] - sums / sums[0, 0]).max() < 1e-4


def test_the_sum_is_one_and_the_kernel_is_symmetric_and_of_odd_lengths() -> None:
    psf = airy_psf((3.0, 5.0))
    assert psf.dtype == np.float32
    assert psf.shape == (2 * math.ceil(6 * 3 - 0.5) + 1, 2 * math.ceil(6 * 5 - 0.5) + 1)
    assert psf.sum(dtype=float) == pytest.approx(1, abs=1e-6)
    assert np.array_equal(psf, psf[::-1])
    assert np.array_equal(psf, psf[:, ::-1])
    assert max(airy_psf((200.0, 200.0)).shape) == 2 * LARGEST_REACH_PX + 1


def test_little_light_lies_beyond_the_kernel() -> None:
    far = airy_psf((4.0, 4.0), reach=60.0).astype(float)
    reach, middle = len(airy_psf((4.0, 4.0))) // 2, len(far) // 2
    part = slice(middle - reach, middle + reach + 1)
    assert 0.015 < 1 - far[part, part].sum() < 0.04


@pytest.mark.parametrize("width", [0.0, -1.0, math.nan, 2000.0])
def test_widths_out_of_range_are_refused(width: float) -> None:
    with pytest.raises(RecipeError, match="allowed: a number > 0 and <= 1000, in pixels"):
        airy_psf((3.0, width))


def test_nothing_is_passed_beyond_the_cut_off() -> None:
    assert transfer(np.array([1.0, 1.5, 40.0])).max() == 0
    assert transfer(np.array([0.0, -0.5]))[0] == 1
    assert np.all(np.diff(transfer(np.linspace(0, 1, 50))) < 0)

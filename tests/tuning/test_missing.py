"""What a setting leaves out although it stands out of the noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sparsescope.engines import pick
from sparsescope.optics.gaussian import gaussian_kernel1d
from sparsescope.tuning.choose import LOST
from sparsescope.tuning.missing import Missing
from sparsescope.tuning.rehearsal import through_a_pupil
from sparsescope.tuning.trial import Bench, Setting

SIDE, FWHM_PX, BEHIND = 128, 4.0, 50.0
VARIANCE = (1.0, 0.0, 1.0)


def points(*places: tuple[int, int, float]) -> np.ndarray:
    image = np.zeros((SIDE, SIDE))
    for y, x, light in places:
        image[y, x] = light
    return image


def blurred(truth: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(truth, FWHM_PX / 2.35482)


BRIGHT = points((40, 40, 1.0), (50, 90, 0.8), (90, 60, 0.9)) * 2 * np.pi * (FWHM_PX / 2.35482) ** 2
"""Points whose images have a height of about 1."""


def faint() -> np.ndarray:
    image = np.zeros((SIDE, SIDE))
    image[110, 10:118] = 1.0
    return image / blurred(image).max()


def missing(signal: np.ndarray, seed: int = 0) -> Missing:
    plane = np.random.default_rng(seed).poisson(signal + BEHIND).astype(np.float32)[None]
    behind, kernel = np.full_like(plane, BEHIND), gaussian_kernel1d(FWHM_PX)
    bench = Bench(
        plane, behind, np.ones_like(plane), slice(0, 1), float((plane - behind).max()), (kernel, kernel), "rl", 60, 0
    )
    return Missing(bench, VARIANCE, (FWHM_PX, FWHM_PX))


def pixels(signal: np.ndarray, offset: float, fidelity: float = 150.0) -> int:
    return missing(signal).pixels(Setting(fidelity, fidelity * offset, (12,)), pick(threads=1))


def test_a_dim_line_that_sparsity_erases_is_missing_and_one_that_it_keeps_is_not() -> None:
    signal = 1000 * blurred(BRIGHT + 0.04 * faint())
    assert pixels(signal, 0.0) == pixels(signal, 0.01) == 0
    assert pixels(signal, 0.05) > 250


def test_what_does_not_stand_out_of_the_noise_is_not_missed() -> None:
    assert pixels(1000 * blurred(BRIGHT), 0.05) < 20
    assert pixels(50 * blurred(BRIGHT + 0.04 * faint()), 0.05) < 100


def test_haze_is_no_structure() -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    haze = 30 * np.exp(-(((y - 64) / 60) ** 2 + ((x - 64) / 60) ** 2))
    assert pixels(1000 * blurred(BRIGHT) + haze, 0.05) < 20


def test_rings_of_the_airy_pattern_are_no_structure() -> None:
    signal = np.maximum(3000 * through_a_pupil(BRIGHT.astype(np.float32), (FWHM_PX, FWHM_PX)), 0)
    assert pixels(signal, 0.02) < LOST * SIDE * SIDE


def test_the_noise_that_passes_the_filter() -> None:
    looked = missing(np.zeros((SIDE, SIDE)))
    impulse = np.zeros((257, 257))
    impulse[128, 128] = 1
    weights = ndimage.gaussian_filter(impulse, looked.inner) - ndimage.gaussian_filter(impulse, looked.outer)
    assert looked.passed() == pytest.approx(np.square(weights).sum(), rel=1e-3)


def test_the_noise_of_a_spectrum_that_passes_the_filter() -> None:
    looked = missing(np.zeros((SIDE, SIDE)))
    assert looked.passed(np.ones((SIDE, SIDE))) == pytest.approx(looked.passed(), rel=1e-3)
    ring = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE))
    low, high = ((part / part.mean()) for part in ((ring < 0.15).astype(float), (ring > 0.3).astype(float)))
    white = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    for spectrum in (low, high):
        noise = np.fft.ifft2(np.fft.fft2(white) * np.sqrt(spectrum)).real
        near, far = (ndimage.gaussian_filter(noise, size, mode="wrap") for size in (looked.inner, looked.outer))
        assert looked.passed(spectrum) == pytest.approx(np.var(near - far), rel=0.15, abs=1e-6)
    assert looked.passed(low) > 5 * looked.passed() > 100 * looked.passed(high)


def test_noise_that_passes_the_filter_is_no_structure() -> None:
    ring = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE))
    spectrum = (ring < 0.15) / np.mean(ring < 0.15)
    noise = np.fft.ifft2(np.fft.fft2(np.random.default_rng(0).normal(size=(SIDE, SIDE))) * np.sqrt(spectrum)).real
    plane, kernel = (BEHIND + 10 * noise).astype(np.float32)[None], gaussian_kernel1d(FWHM_PX)
    behind = np.full_like(plane, BEHIND)
    held = Bench(plane, behind, np.ones_like(plane), slice(0, 1), 50.0, (kernel, kernel), "rl", 60, 0)
    setting, engine = Setting(10.0, 10.0, (1,)), pick(threads=1)
    found = [
        Missing(held, (0.0, 100.0, 1.0), (FWHM_PX, FWHM_PX), one).pixels(setting, engine) for one in (spectrum, None)
    ]
    assert found[0] < 0.01 * SIDE * SIDE < found[1]

"""Agreement, PSNR and correlation from their definitions, and against the yardstick where it is there."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from sparsescope.errors import InputError
from sparsescope.quality.agreement import agreement, correlation, psnr_2px

YARDSTICK = Path(__file__).resolve().parents[3] / "shared" / "yardstick.py"


def scene(seed: int = 0, side: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = np.zeros((side, side))
    values[tuple(rng.integers(4, side - 4, (2, 40)))] = rng.uniform(10, 100, 40)
    return ndimage.gaussian_filter(values, 1.0)


def test_a_copy_is_perfect_in_every_measure_whatever_its_scale() -> None:
    truth = scene()
    assert agreement(2 * truth + 3, truth) == pytest.approx(1, abs=1e-9)
    assert correlation(2 * truth + 3, truth) == pytest.approx(1, abs=1e-9)
    assert psnr_2px(2 * truth + 3, truth) > 100


def test_an_error_of_known_size_has_its_decibels() -> None:
    rng = np.random.default_rng(0)
    truth = ndimage.gaussian_filter(rng.normal(size=(128, 128)), 4.0) + 10
    image = truth + rng.normal(0, 0.01, truth.shape)
    error = np.sqrt(np.mean((image - truth)[16:-16, 16:-16] ** 2))
    decibels = 20 * np.log10(truth[16:-16, 16:-16].max() / error)
    assert psnr_2px(image, truth) > decibels  # the free blur may only help
    assert psnr_2px(image, truth) < decibels + 20


def test_noise_lowers_the_agreement_to_that_of_signal_to_noise() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(200, 200))
    assert agreement(truth + rng.normal(size=truth.shape), truth) == pytest.approx(1 / np.sqrt(2), abs=0.02)
    assert abs(agreement(rng.normal(size=truth.shape), truth)) < 0.05


def test_only_rings_beyond_the_coarsest_count_all_alike() -> None:
    rng = np.random.default_rng(0)
    truth, noise = rng.normal(size=(2, 200, 200))
    ring = np.hypot(np.fft.fftfreq(200)[:, None], np.fft.fftfreq(200))

    def replaced(low: float, high: float) -> float:
        other = (ring >= low) & (ring < high)
        return agreement(np.fft.ifft2(np.where(other, np.fft.fft2(noise), np.fft.fft2(truth))).real, truth)

    assert replaced(0.0, 0.015) > 0.98
    assert replaced(0.03, 0.09) == pytest.approx(1 - 0.06 / 0.48, abs=0.025)


def test_a_constant_image_has_no_correlation() -> None:
    assert np.isnan(correlation(np.ones((64, 64)), scene(side=64)))


@pytest.mark.parametrize("shape", [(64, 60), (39, 64)])
def test_sizes_that_differ_or_are_too_small_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="shape"):
        agreement(np.ones(shape), np.ones((64, 64) if shape[0] == 64 else shape))


def test_not_finite_values_are_refused() -> None:
    image = scene()
    image[5, 5] = np.nan
    with pytest.raises(InputError, match="NaN"):
        psnr_2px(image, scene())


@pytest.mark.skipif(not YARDSTICK.exists(), reason="the yardstick of the shared folder is not here")
@pytest.mark.parametrize("shape", [(96, 96), (97, 120)])
def test_they_are_the_numbers_of_the_yardstick(shape: tuple[int, int]) -> None:
    theirs = runpy.run_path(str(YARDSTICK))
    rng = np.random.default_rng(2)
    truth = ndimage.gaussian_filter(rng.random(shape), 1.0)
    image = ndimage.gaussian_filter(truth, 0.8) + rng.normal(0, 0.01, shape)
    for name, ours in (("agreement", agreement), ("psnr_2px", psnr_2px), ("correlation", correlation)):
        assert ours(image, truth) == pytest.approx(theirs[name](image, truth), rel=1e-6)

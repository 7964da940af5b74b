"""Residual tests against noise alone, where every p-value is uniform, and against light that is known to be missing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from sparsescope.errors import InputError
from sparsescope.quality.residual import discoveries, local_mean_test, local_power_test, residual, whiteness


def noise(seed: int = 0, side: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(side, side)).astype(np.float32)


def test_it_is_in_units_of_the_noise() -> None:
    rng = np.random.default_rng(0)
    level = np.linspace(10, 400, 200)[None] * np.ones((200, 1))
    z = residual(rng.poisson(level), level, level)
    assert abs(z.mean()) < 0.02
    assert np.allclose(z.reshape(200, 10, 20).std((0, 2)), 1, atol=0.06)


@pytest.mark.parametrize("fwhm", [2.5, 6.0])
def test_p_values_of_pure_noise_are_uniform(fwhm: float) -> None:
    tests = [local_mean_test(noise(seed), fwhm).p_value[::9, ::9] for seed in range(4)]
    assert stats.kstest(np.ravel(tests), "uniform").pvalue > 0.001
    powers = np.ravel([local_power_test(noise(seed), 8.0).p_value[::16, ::16] for seed in range(4)])
    assert abs(np.mean(powers < 0.1) - 0.1) < 0.04
    assert abs(np.mean(powers) - 0.5) < 0.04


def test_borders_are_tested_as_strictly_as_the_middle() -> None:
    edge = np.concatenate([local_mean_test(noise(seed), 5.0).p_value[0, ::8] for seed in range(12)])
    assert abs(np.mean(edge < 0.1) - 0.1) < 0.05


def test_missing_light_is_found_where_it_is_and_its_sign_is_told() -> None:
    z = noise()
    z[100:104, 100:104] += 4
    z[30:34, 200:204] -= 4
    test = local_mean_test(z, 4.0)
    found = discoveries(test.p_value, 0.01)
    assert found[102, 102]
    assert test.statistic[102, 102] > 5
    assert test.statistic[32, 202] < -5
    assert found.mean() < 0.003


def test_hardly_anything_is_discovered_in_noise() -> None:
    found = [discoveries(local_mean_test(noise(seed), 3.0).p_value, 0.01).any() for seed in range(20)]
    assert np.mean(found) <= 0.15


def test_larger_and_smaller_residuals_than_noise_are_told_apart() -> None:
    z = noise()
    z[:, :128] *= 1.5
    z[:, 128:] *= 0.5
    power = local_power_test(z, 8.0)
    assert np.median(power.statistic[:, :100]) == pytest.approx(2.25, rel=0.1)
    assert np.median(power.statistic[:, 156:]) == pytest.approx(0.25, rel=0.1)
    assert power.p_value[128, 60] < 1e-3
    assert power.p_value[128, 200] > 0.99


def test_whiteness_of_white_noise_is_uniform_and_coloured_noise_is_found_with_its_sign() -> None:
    p_values = [whiteness(noise(seed, 96)).p_value for seed in range(60)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
    blurred = whiteness(ndimage.gaussian_filter(noise(), 0.7))
    sharpened = whiteness(noise() - ndimage.gaussian_filter(noise(), 1.0))
    assert blurred.neighbour_correlation > 0.3
    assert sharpened.neighbour_correlation < -0.03
    assert max(blurred.p_value, sharpened.p_value) < 1e-9


def test_a_constant_residual_is_white() -> None:
    assert whiteness(np.zeros((32, 32))).p_value == 1


def test_the_part_of_false_discoveries_is_held() -> None:
    rng = np.random.default_rng(3)
    p_values = rng.uniform(size=(100, 100))
    p_values[:10] = rng.uniform(0, 1e-5, (10, 100))
    found = discoveries(p_values, 0.05)
    assert found[:10].all()
    assert found[10:].sum() / found.sum() < 0.08


def test_arrays_of_other_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="one shape"):
        residual(np.ones((4, 4)), np.ones((4, 5)), np.ones((4, 4)))

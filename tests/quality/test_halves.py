"""Halves of the light: mean kept, variance doubled, noise independent."""

from __future__ import annotations

import numpy as np
import pytest

from sparsescope.errors import InputError
from sparsescope.quality.halves import split_frames, thin_gaussian, thin_photons

GAIN, OFFSET = 2.2, 100.0


def frame(read: float, seed: int = 0, mean: float = 12.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return OFFSET + GAIN * (rng.poisson(mean, (400, 400)) + rng.normal(0, read, (400, 400)))


@pytest.mark.parametrize("read", [0.0, 1.6])
@pytest.mark.parametrize("mean", [3.0, 40.0])
def test_halves_keep_the_mean_double_the_variance_and_share_no_noise(read: float, mean: float) -> None:
    counts = frame(read, mean=mean)
    halves = thin_photons(counts, gain=GAIN, offset=OFFSET, read_e=read, seed=1)
    for half in halves:
        assert half.dtype == np.float32
        assert half.mean() == pytest.approx(counts.mean(), rel=0.002)
        assert half.var() == pytest.approx(2 * counts.var(), rel=0.06)
    assert abs(np.corrcoef(halves[0].ravel(), halves[1].ravel())[0, 1]) < 0.02
    assert np.allclose((halves[0] + halves[1]) / 2, counts, atol=1e-3)


def test_gaussian_halves_share_no_noise_and_average_to_the_image() -> None:
    values = np.random.default_rng(0).normal(7, 3, (300, 300))
    halves = thin_gaussian(values, np.full(values.shape, 9.0), seed=2)
    assert abs(np.corrcoef(halves[0].ravel(), halves[1].ravel())[0, 1]) < 0.02
    assert np.allclose((halves[0] + halves[1]) / 2, values, atol=1e-4)


def test_the_same_seed_deals_the_same_halves_and_leaves_the_input_alone() -> None:
    counts = frame(1.0)
    before = counts.copy()
    first, again = (thin_photons(counts, gain=GAIN, offset=OFFSET, read_e=1.0, seed=3)[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(counts, before)


def test_even_and_odd_frames_are_averaged() -> None:
    first, second = split_frames(np.arange(7, dtype=np.uint16)[:, None, None] * np.ones((7, 4, 4), np.uint16))
    assert (first[0, 0], second[0, 0]) == (2.0, 3.0)


def test_what_cannot_be_halved_is_refused() -> None:
    with pytest.raises(InputError, match="2 frames"):
        split_frames(np.ones((1, 4, 4)))
    with pytest.raises(InputError, match="gain"):
        thin_photons(np.ones((4, 4)), gain=0.0, offset=0, read_e=0, seed=0)

"""Fourier ring correlation against pairs whose common band is known, and against an independent implementation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from sparsescope.errors import InputError
from sparsescope.quality.frc import crossing, frc


def pair(cutoff: float, noise: float, side: int = 192, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two images with a signal in common up to a cut-off, and noise of their own."""
    rng = np.random.default_rng(seed)
    inside = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) < cutoff
    signal = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) * inside).real
    signal /= signal.std()
    return signal + rng.normal(0, noise, signal.shape), signal + rng.normal(0, noise, signal.shape)


def test_identical_images_agree_at_every_frequency() -> None:
    image = np.random.default_rng(0).poisson(5, (96, 120))
    curve = frc(image, image)
    assert np.allclose(curve.correlation, 1)
    found = crossing(curve)
    assert found.at_limit
    assert found.resolution_px == pytest.approx(2.0)


@pytest.mark.parametrize("seed", range(6))
def test_independent_noise_has_nothing_in_common(seed: int) -> None:
    rng = np.random.default_rng(seed)
    curve = frc(rng.normal(size=(160, 160)), rng.normal(size=(160, 160)))
    assert abs(curve.correlation[5:].mean()) < 0.02
    assert crossing(curve).resolution_px is None or crossing(curve).resolution_px > 15


@pytest.mark.parametrize("threshold", ["1/7", "half-bit"])
@pytest.mark.parametrize("cutoff", [0.1, 0.2, 0.33])
def test_a_common_band_ends_where_it_was_cut(cutoff: float, threshold: str) -> None:
    found = crossing(frc(*pair(cutoff, 0.3)), threshold)
    assert 1 / found.resolution_px == pytest.approx(cutoff, abs=3 / 192)  # window and averaging move a sharp edge
    assert not found.at_limit


def test_the_correlation_is_that_of_signal_and_noise() -> None:
    curve = frc(*pair(0.5, 1.0, side=256))  # white signal of variance 1 and noise of variance 1 inside the circle
    inside = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)) < 0.5
    density = 1 / inside.mean()
    assert curve.correlation[10:120].mean() == pytest.approx(density / (density + 1), abs=0.02)


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_the_stated_error_is_the_scatter_over_noises(noise: float) -> None:
    curves = [frc(*pair(0.5, noise, side=128, seed=seed)) for seed in range(40)]
    rings = slice(20, 50)
    scatter = np.std([c.correlation[rings] for c in curves], axis=0).mean()
    assert scatter == pytest.approx(np.mean([c.error[rings] for c in curves]), rel=0.15)


def test_the_stated_error_of_the_crossing_is_its_scatter() -> None:
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(160)[:, None], np.fft.fftfreq(160))
    found = []
    for _ in range(40):
        signal = np.fft.ifft2(np.fft.fft2(rng.normal(size=frequency.shape)) * np.exp(-((frequency / 0.15) ** 2))).real
        halves = [signal + rng.normal(0, 0.2, signal.shape) for _ in range(2)]
        found.append(crossing(frc(*halves)))
    stated = np.mean([abs(1 / c.low_px - 1 / c.high_px) / 2 for c in found if c.low_px and c.high_px])
    assert np.std([1 / c.resolution_px for c in found if c.resolution_px]) == pytest.approx(stated, rel=0.5)


@pytest.mark.parametrize("shape", [(64, 64), (65, 67), (64, 81)])
def test_every_frequency_is_counted_once(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=shape)
    curve = frc(image, image)
    side = min(shape)
    radius = np.rint(np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])) * side)
    assert curve.count.tolist() == [float((radius == ring).sum()) for ring in range(side // 2 + 1)]


def test_scale_offset_and_shape_do_not_matter_and_sides_may_differ() -> None:
    first, second = (image[:150] for image in pair(0.2, 0.5))
    found = crossing(frc(first, second)).resolution_px
    assert crossing(frc(1e-9 * first + 5, -3 + 7e9 * second)).resolution_px == pytest.approx(found, rel=1e-3)
    assert 1 / found == pytest.approx(0.2, abs=2.6 / 150)


def test_it_agrees_with_an_independent_implementation() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from cubic.metrics import frc_resolution
    first, second = pair(0.2, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = float(frc_resolution(first.astype(np.float32), second.astype(np.float32), spacing=1.0))
    assert crossing(frc(first, second)).resolution_px == pytest.approx(theirs, rel=0.08)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [((64, 64), (64, 60), "one shape"), ((20, 64), (20, 64), "too small"), ((3, 64, 64), (3, 64, 64), "plane")],
)
def test_what_cannot_be_correlated_is_refused(first: tuple[int, ...], second: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        frc(np.ones(first), np.ones(second))


def test_a_constant_image_has_no_resolution() -> None:
    assert crossing(frc(np.ones((64, 64)), np.ones((64, 64)))).resolution_px is None

"""Simulated frames of a known PSF width: points, lines, discs and blobs, drawn three times finer than the pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from sparsescope.optics.spectrum_model import transfer

FINE = 3

Floats = npt.NDArray[np.float64]


def points(rng: np.random.Generator, n: int, fwhm: float) -> Floats:
    canvas = np.zeros((n, n))
    count = round(n * n / FINE**2 / fwhm**2 / 12)
    np.add.at(canvas, tuple(rng.integers(0, n, (2, count))), rng.uniform(0.2, 1, count))
    return canvas


def lines(rng: np.random.Generator, n: int, fwhm: float) -> Floats:
    canvas = np.zeros((n, n))
    t = np.arange(-n, n, 0.5)
    for y, x, angle, bend in zip(
        *rng.uniform(0, n, (2, 14)), rng.uniform(0, np.pi, 14), rng.normal(0, 3e-4, 14), strict=True
    ):
        heading = angle + bend * t
        ys, xs = (np.rint(c + np.cumsum(f(heading)) / 2).astype(int) for c, f in ((y, np.sin), (x, np.cos)))
        inside = (ys >= 0) & (ys < n) & (xs >= 0) & (xs < n)
        np.add.at(canvas, (ys[inside], xs[inside]), 0.5)
    return canvas


def discs(rng: np.random.Generator, n: int, fwhm: float) -> Floats:
    canvas = np.zeros((n, n))
    yy, xx = np.mgrid[:n, :n]
    for y, x, radius, level in zip(
        *rng.uniform(0, n, (2, 25)), rng.uniform(1.5, 5, 25) * fwhm * FINE, rng.uniform(0.3, 1, 25), strict=True
    ):
        canvas += level * (np.hypot(yy - y, xx - x) < radius)
    return canvas


def blobs(rng: np.random.Generator, n: int, fwhm: float) -> Floats:
    canvas = np.zeros((n, n))
    yy, xx = np.mgrid[:n, :n]
    for y, x, sigma in zip(*rng.uniform(0, n, (2, 20)), rng.uniform(2.5, 4, 20) * fwhm * FINE, strict=True):
        canvas += np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / (2 * sigma**2))
    return canvas


KINDS = {"points": points, "lines": lines, "discs": discs, "blobs": blobs}


def frame(
    kind: str, fwhm: float, light: float, *, psf: str = "gauss", haze: float = 0.1, seed: int = 0, side: int = 192
) -> npt.NDArray[np.uint16]:
    """Counts of a camera (offset 100, gain 2 counts per photon) with `light` photons at the brightest pixel."""
    rng = np.random.default_rng([seed, side, len(kind), round(10 * fwhm), round(light)])
    n = side * FINE
    canvas = KINDS[kind](rng, n, fwhm)
    f = np.hypot(fft.fftfreq(n)[:, None], fft.rfftfreq(n)[None]) * FINE
    blurred = fft.irfft2(fft.rfft2(canvas) * transfer(psf, f * fwhm), s=canvas.shape)
    signal = np.maximum(blurred.reshape(side, FINE, side, FINE).sum((1, 3)), 0)
    wave = np.sin(np.arange(side) * 2 * np.pi / side + rng.uniform(0, 6))
    behind = light * (0.02 + haze * (1 + wave[:, None] * wave) / 2)
    electrons = rng.poisson(signal * light / signal.max() + behind) + rng.normal(0, 1.5, signal.shape)
    return np.clip(np.rint(100 + 2 * electrons), 0, 65535).astype(np.uint16)

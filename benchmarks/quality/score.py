"""Measures of a result against a known truth, the truth's part computed once.

Agreement, PSNR at 2 px and correlation have the definitions of the yardstick that the project is measured by; further
measures: structures that are not there, and the ratio of two rings of known brightness.
"""

from __future__ import annotations

import numpy as np
from scenes import RING_RADIUS, RINGS, Scene
from scipy import fft, ndimage

Array = np.ndarray

LOW = 0.02
"""Rings below this frequency (cycles per pixel) are left out of the agreement: they hold background and brightness."""
GOAL_PX = 2.0
"""Resolution (FWHM, pixels) at which PSNR compares."""
EXTRA_PX = (0.0, 1.0, 1.5, 2.0, 2.5)
"""Blurs of which a result may have the best before PSNR is taken."""
MARGIN = 16
SMOOTH = ("empty", "blobs")
"""Kinds whose fine structure is false."""
FWHM = 2.35482
"""FWHM of a Gaussian of standard deviation 1."""


def inner(image: Array, margin: int = MARGIN) -> Array:
    return image[margin:-margin, margin:-margin]


def gaussian(shape: tuple[int, int], fwhm_px: float) -> Array:
    """Transfer function of a Gaussian on the half spectrum of a real image."""
    square = fft.fftfreq(shape[0])[:, None] ** 2 + fft.rfftfreq(shape[1])[None] ** 2
    return np.exp(-2 * (np.pi * fwhm_px / FWHM) ** 2 * square)


class Measures:
    """Measures against one truth.

    Parameters
    ----------
    truth : array (Y, X)
        Structures without blur, noise and background; any unit.
    """

    def __init__(self, truth: Array) -> None:
        truth = np.asarray(truth, float)
        self.truth = truth
        self.side = min(truth.shape) // 2 * 2
        hann = np.hanning(self.side)
        self.window = hann[:, None] * hann
        rows, columns = fft.fftfreq(self.side)[:, None], fft.rfftfreq(self.side)[None]
        self.ring = (np.hypot(rows, columns) * self.side).astype(int).ravel()
        # a real image's spectrum is symmetric: all columns but the first and the last stand for two
        twice = np.full(columns.shape, 2.0)
        twice[0, [0, -1]] = 1
        self.twice = np.broadcast_to(twice, (self.side, self.side // 2 + 1)).ravel()
        self.wave, self.power = self._spectrum(truth)
        self.blurs = [gaussian(truth.shape, width) for width in EXTRA_PX[1:]]
        goal = inner(fft.irfft2(fft.rfft2(truth) * gaussian(truth.shape, GOAL_PX), s=truth.shape))
        self.top, self.goal = goal.max(), goal - goal.mean()
        sharp = inner(truth)
        self.sharp = sharp - sharp.mean()

    def _rings(self, values: Array) -> Array:
        return np.bincount(self.ring, values.ravel() * self.twice)[: self.side // 2]

    def _spectrum(self, image: Array) -> tuple[Array, Array]:
        part = image[: self.side, : self.side]
        wave = fft.rfft2((part - part.mean()) * self.window)
        return wave, self._rings(np.abs(wave) ** 2)

    def agreement(self, result: Array) -> float:
        """Mean over rings of the normalised correlation of the two spectra, from 0.02 to 0.5 cycles per pixel."""
        wave, power = self._spectrum(np.asarray(result, float))
        shared = self._rings((wave * self.wave.conj()).real)
        curve = shared / np.maximum(np.sqrt(power * self.power), 1e-30)
        return float(curve[np.arange(self.side // 2) > LOW * self.side].mean())

    def psnr(self, result: Array) -> float:
        """Decibels against the truth at 2 px, after the best scale, offset and extra blur of the result."""
        result = np.asarray(result, float)
        wave = fft.rfft2(result)
        versions = [result, *(fft.irfft2(wave * blur, s=result.shape) for blur in self.blurs)]
        error = max(min(unexplained(inner(v), self.goal) for v in versions), 1e-30)
        return float(20 * np.log10(self.top / np.sqrt(error)))

    def correlation(self, result: Array) -> float:
        """Pearson's coefficient over the pixels."""
        other = inner(np.asarray(result, float))
        other = other - other.mean()
        size = np.sqrt((other**2).sum() * (self.sharp**2).sum())
        return float((other * self.sharp).sum() / max(size, 1e-30))


def measure(scene: Scene, result: Array, measures: Measures | None = None) -> dict[str, float]:
    """Return every measure that the scene allows; the result is in photons per pixel."""
    measures = measures or Measures(scene.truth)
    out = {}
    if scene.truth.any():
        out = {"agreement": measures.agreement(result), "psnr": measures.psnr(result)}
    if scene.kind in SMOOTH:
        out["false"] = false_structure(result, scene)
    if scene.kind == "two_rings":
        out["ratio"] = ring_ratio(result, RINGS, RING_RADIUS * scene.fwhm_px, scene.fwhm_px)
    return out


def unexplained(values: Array, goal: Array) -> float:
    """Mean square that remains of `goal` (of mean 0) after its best straight-line fit by `values`."""
    level = values.mean()
    values = values - level
    square = float((values**2).sum())
    varies = square > 1e-24 * values.size * level**2  # what rounding leaves of a constant is no image
    slope = float((values * goal).sum()) / square if varies else 0.0
    return float(((goal - slope * values) ** 2).mean())


def texture(image: Array, fwhm_px: float) -> Array:
    """What is finer than six PSF widths, seen at 2 px, without the border."""
    fine, coarse = (ndimage.gaussian_filter(np.asarray(image, float), w / FWHM) for w in (GOAL_PX, 6 * fwhm_px))
    return inner(fine - coarse)


def false_structure(result: Array, scene: Scene) -> float:
    """Strength of fine structures in the result that are not in the truth, in units of the raw frame's noise.

    Standard deviation of the texture that neither a blurred and scaled truth nor the background explains, over that of
    the noise; in photons, the scale of the result taken from the truth. Meant for truths without fine structure (an
    empty field, smooth blobs), where what is fine is false.
    """
    width = scene.fwhm_px
    found, size = texture(result, width).ravel(), texture(scene.noise, width).std()
    behind = texture(scene.background, width).ravel()
    left = []
    for blur in (0, 0.5, 0.75, 1, 1.25):
        real = texture(ndimage.gaussian_filter(scene.truth, blur * width / FWHM), width).ravel()
        basis = np.stack([real, behind], 1)
        slopes = np.linalg.lstsq(basis, found)[0]
        left.append((found - basis @ slopes).std() / (max(slopes[0], 1e-3) if real.any() else 1))
    return float(min(left) / size)


def ring_ratio(result: Array, rings: tuple[tuple[float, float, float], ...], radius: float, fwhm_px: float) -> float:
    """Brightness of the second ring over that of the first, each above the median of its surroundings."""
    rows, columns = np.indices(result.shape)
    light = []
    for y, x, _ in rings:
        away = np.abs(np.hypot(rows - y, columns - x) - radius)
        ring, around = away < 1.25 * fwhm_px, (away > 1.5 * fwhm_px) & (away < 3 * fwhm_px)
        light.append(float((result[ring] - np.median(result[around])).sum()))
    return light[1] / light[0] if light[0] > 0 else float("nan")

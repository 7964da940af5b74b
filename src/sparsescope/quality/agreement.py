"""How well an image agrees with the truth, or with a sharper picture of the same field: three numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import fft as sfft

from ..errors import InputError

Doubles = npt.NDArray[np.float64]

MARGIN_PX: Final = 16
"""Border that is left out of numbers that go pixel by pixel."""
GOAL_FWHM_PX: Final = 2.0
"""Width to which a truth is blurred before it is compared: what pixels can show."""
EXTRA_FWHM_PX: Final = (0.0, 1.0, 1.5, 2.0, 2.5)
"""Extra blurs of the image, of which the best counts: not to punish a smooth image twice."""
COARSEST: Final = 0.02
"""Cycles per pixel up to which rings are left out of the agreement: they say how bright, not how sharp."""


def agreement(image: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the mean Fourier ring correlation with the truth, 0.02 to 0.5 cycles per pixel.

    Meaning: 1 is equal at every scale but for the brightness of each ring; rewards true fine detail and falls with
    noise and false detail. Blind spot: intensities may be wrong, ring by ring. The largest centred-at-origin square of
    even side is looked at, under a Hann window.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(64, 64))
    >>> round(agreement(image, 5 * image + 1), 6)
    1.0
    """
    a, b = _pair(image, truth)
    side = min(a.shape) // 2 * 2
    window = np.hanning(side)
    taper = window[:, None] * window
    a, b = (sfft.fft2((v[:side, :side] - v[:side, :side].mean()) * taper) for v in (a, b))
    frequency = np.hypot(sfft.fftfreq(side)[:, None], sfft.fftfreq(side))
    ring = np.floor(frequency * side).astype(np.intp).ravel()
    half = side // 2

    def total(values: Doubles) -> Doubles:
        return np.bincount(ring, values.ravel())[:half].astype(np.float64)

    own = np.sqrt(total(np.abs(a) ** 2) * total(np.abs(b) ** 2))
    curve = total((a * b.conj()).real) / np.maximum(own, 1e-30)
    return float(curve[np.arange(half) / side > COARSEST].mean())


def psnr_2px(image: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return the peak signal-to-noise ratio in dB against the truth at 2 px resolution.

    Meaning: how large the remaining error is after the best scale, offset and extra blur of the image (0 to 2.5 px
    FWHM); the peak is that of the truth blurred to 2 px FWHM. Blind spot: forgives missing fine detail, and a wrong
    scale. 16 border pixels are left out.

    Examples
    --------
    >>> truth = np.random.default_rng(0).random((64, 64))
    >>> bool(psnr_2px(3 * truth + 1, truth) > 100)
    True
    """
    a, b = _pair(image, truth)
    goal = _inner(_blurred(b, GOAL_FWHM_PX))
    errors = [_affine_error(_inner(_blurred(a, width)), goal) for width in EXTRA_FWHM_PX]
    least = max(min(errors), 1e-300)
    return float(20 * np.log10(max(float(goal.max()), 1e-300) / least))


def correlation(image: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return Pearson's correlation pixel by pixel, 16 border pixels left out; nan where one of them is constant.

    Meaning: how much of the pattern is shared. Blind spot: bright, coarse structure dominates it.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(64, 64))
    >>> round(correlation(image, 2 - image), 6)
    -1.0
    """
    a, b = (_inner(v) for v in _pair(image, truth))
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / power) if power > 0 else float("nan")


def _pair(image: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Doubles, Doubles]:
    arrays: list[npt.NDArray[Any]] = [np.asarray(v) for v in (image, truth)]
    if arrays[0].ndim != 2 or arrays[0].shape != arrays[1].shape:
        raise InputError(
            f"images of shapes {arrays[0].shape} and {arrays[1].shape}: two planes (Y, X) of one shape are compared"
        )
    if min(arrays[0].shape) < 2 * MARGIN_PX + 8:
        raise InputError(
            f"images of shape {arrays[0].shape}: a border of {MARGIN_PX} pixels is left out, so that "
            f"{2 * MARGIN_PX + 8} pixels or more are needed"
        )
    if not all(np.isfinite(v).all() for v in arrays):
        raise InputError("an image to compare holds NaN or infinite values: replace or crop them first")
    return arrays[0].astype(np.float64), arrays[1].astype(np.float64)


def _inner(values: Doubles) -> Doubles:
    return values[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX].ravel()


def _blurred(values: Doubles, fwhm_px: float) -> Doubles:
    """Blur by a Gaussian, periodic."""
    if not fwhm_px:
        return values
    frequency = np.hypot(sfft.fftfreq(values.shape[0])[:, None], sfft.rfftfreq(values.shape[1]))
    sigma = fwhm_px / 2.35482
    passed = np.exp(-2 * (np.pi * sigma * frequency) ** 2)
    return np.asarray(sfft.irfft2(sfft.rfft2(values) * passed, s=values.shape))


def _affine_error(values: Doubles, goal: Doubles) -> float:
    """Root-mean-square error after the best scale and offset."""
    v, g = values - values.mean(), goal - goal.mean()
    power = float((v * v).sum())
    slope = float((v * g).sum()) / power if power > 0 else 0.0
    return float(np.sqrt(np.mean((g - slope * v) ** 2)))

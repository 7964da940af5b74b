"""What the result does not explain of the data, in units of the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft as sfft
from scipy import ndimage, special

from ..errors import InputError

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

TRUNCATE: Final = 3.0
"""Half-width of windows in standard deviations."""
LAGS_PX: Final = 3
"""Neighbours up to this distance enter the test of whiteness."""
SIGMA_PER_FWHM: Final = 0.424661


@dataclass(frozen=True)
class LocalTest:
    """A test at each pixel: its statistic and the probability of as much by chance.

    Attributes
    ----------
    statistic : array
        Standard deviations of a normal variable, or a ratio of variances.
    p_value : array
        0 to 1, uniform where only noise is left.
    """

    statistic: Floats
    p_value: Doubles


@dataclass(frozen=True)
class Whiteness:
    """Whether neighbouring residuals are independent.

    Attributes
    ----------
    p_value : float
        Of no correlation at all; with many pixels tiny correlations become significant.
    neighbour_correlation : float
        Mean correlation of a pixel with its four neighbours: above 0 structure is left, below 0 noise was fitted.
    """

    p_value: float
    neighbour_correlation: float


def residual(
    data: npt.NDArray[np.floating], model: npt.NDArray[np.floating], variance: npt.NDArray[np.floating]
) -> Floats:
    """Return (data − model) / standard deviation of the noise, pixel by pixel.

    Meaning: ±1 is noise; islands beyond ±3 are structure that the result invented (below 0) or lost (above 0).
    Blind spot: what the PSF wipes out. Detail finer than the PSF passes can be invented or lost without a trace here,
    and a result that fits the noise leaves a small residual.

    Parameters
    ----------
    data, model, variance : array of one shape
        Counts, the re-blurred result with its background in counts, and counts².

    Examples
    --------
    >>> residual(np.array([12.0]), np.array([10.0]), np.array([4.0]))
    array([1.], dtype=float32)
    """
    if not data.shape == model.shape == variance.shape:
        raise InputError(
            f"data {data.shape}, model {model.shape} and variance {variance.shape}: allowed are arrays of one shape"
        )
    deviation = np.sqrt(np.maximum(variance, np.finfo(np.float32).tiny))
    return np.asarray((data - model) / deviation, np.float32)


def local_mean_test(z: Floats, fwhm_px: float) -> LocalTest:
    """Test at each pixel whether the residual's mean under a Gaussian of the PSF's width is zero.

    Meaning: too much (above 0) or too little (below 0) light in the data at the scale of the PSF, the scale at which
    a lost or invented point would show. Blind spot: misfit that changes sign within a PSF; correlated noise makes
    p-values too small.

    Parameters
    ----------
    z : array, (Y, X)
        Residual in units of the noise.
    fwhm_px : float
        Width of the window.

    Notes
    -----
    t = Σ w z / √Σ w², normal of variance 1 for white z; p = 2 Φ(−abs t). The matched filter for a point.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(200, 200)).astype(np.float32)
    >>> bool(0.04 < np.mean(local_mean_test(z, 3.0).p_value < 0.05) < 0.06)
    True
    """
    weights = _window(fwhm_px)
    ones = np.ones_like(z)
    scale = np.sqrt(_filtered(ones, weights**2))
    statistic = _filtered(z, weights) / scale
    return LocalTest(statistic.astype(np.float32), np.asarray(2 * special.ndtr(-np.abs(statistic.astype(np.float64)))))


def local_power_test(z: Floats, fwhm_px: float) -> LocalTest:
    """Test at each pixel whether the residual is larger than noise in a Gaussian window.

    Meaning: the statistic is the local variance in units of the noise's (local χ² per degree of freedom), the p-value
    that of so much *or more*; 1 is right, above 1 is misfit, well below 1 noise was fitted and stands in the result.
    Blind spot: relies on the noise model; an error of the gain by 10 % moves the ratio by 0.1 everywhere.

    Parameters
    ----------
    z : array, (Y, X)
        Residual in units of the noise.
    fwhm_px : float
        Width of the window.

    Notes
    -----
    ν = (Σ w)² / Σ w² degrees of freedom after Satterthwaite (1946).

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(200, 200)).astype(np.float32)
    >>> bool(0.03 < np.mean(local_power_test(z, 6.0).p_value < 0.05) < 0.07)
    True
    """
    weights = _window(fwhm_px)
    ones = np.ones_like(z)
    total = _filtered(ones, weights)
    freedom = total**2 / _filtered(ones, weights**2)
    ratio = _filtered(z * z, weights) / total
    p_value = special.chdtrc(freedom.astype(np.float64), (freedom * ratio).astype(np.float64))
    return LocalTest(ratio.astype(np.float32), np.asarray(p_value))


def discoveries(p_values: Doubles, rate: float) -> Bools:
    """Return the pixels that stand out when at most a part `rate` of those named may be chance.

    Meaning: testing every pixel finds chance finds; this holds their expected share. Blind spot: a lone weak
    find among many pixels is not named.

    Notes
    -----
    Benjamini & Hochberg, J. R. Stat. Soc. B 57, 289 (1995); valid for the positive dependence of neighbouring windows
    (Benjamini & Yekutieli 2001).

    Examples
    --------
    >>> discoveries(np.array([1e-6, 0.03, 0.5, 0.9]), 0.05).tolist()
    [True, False, False, False]
    """
    ordered = np.sort(p_values, axis=None)
    allowed = rate * np.arange(1, ordered.size + 1) / ordered.size
    passing = np.flatnonzero(ordered <= allowed)
    limit = ordered[passing[-1]] if passing.size else -1.0
    return np.asarray(p_values <= limit)


def whiteness(z: npt.NDArray[np.floating]) -> Whiteness:
    """Test whether residuals of neighbouring pixels are independent.

    Meaning: a result that explains all but the noise leaves white residuals. Blind spot: every regularised result
    fits some noise, so that with many pixels p is small for good results too; look at the size of the correlation.
    Noise that was correlated in the camera or by interpolation looks like misfit.

    Parameters
    ----------
    z : array, (Y, X)
        Residual in units of the noise.

    Notes
    -----
    Autocorrelations r at the lags within 3 px (each pair ±lag once); N Σ r² is χ² distributed for white noise: Ljung &
    Box, Biometrika 65, 297 (1978), here in two dimensions.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=(128, 128))
    >>> whiteness(noise).p_value > 0.01, whiteness(ndimage.gaussian_filter(noise, 1.0)).p_value < 1e-6
    (True, True)
    """
    values = np.asarray(z, np.float64)
    values = values - values.mean()
    power = float((values**2).mean())
    if not power > 0:
        return Whiteness(1.0, 0.0)
    shape = [sfft.next_fast_len(n + LAGS_PX, real=True) for n in values.shape]
    products = sfft.irfft2(np.abs(sfft.rfft2(values, s=shape)) ** 2, s=shape)
    height, width = values.shape
    lags = [
        (dy, dx)
        for dy in range(LAGS_PX + 1)
        for dx in range(-LAGS_PX, LAGS_PX + 1)
        if (dy > 0 or dx > 0) and np.hypot(dy, dx) <= LAGS_PX and dy < height and abs(dx) < width
    ]
    pairs = np.array([(height - dy) * (width - abs(dx)) for dy, dx in lags], float)
    r = np.array([products[dy, dx] for dy, dx in lags]) / pairs / power
    neighbours = [i for i, (dy, dx) in enumerate(lags) if dy + abs(dx) == 1]
    return Whiteness(float(special.chdtrc(len(lags), float((pairs * r**2).sum()))), float(r[neighbours].mean()))


def _window(fwhm_px: float) -> Floats:
    sigma = max(fwhm_px, 1.0) * SIGMA_PER_FWHM
    radius = int(np.ceil(TRUNCATE * sigma))
    return np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype(np.float32)


def _filtered(values: Floats, weights: Floats) -> Floats:
    """Sum under a separable window; nothing lies beyond the borders."""
    rows = ndimage.correlate1d(values, weights, axis=0, mode="constant")
    return np.asarray(ndimage.correlate1d(rows, weights, axis=1, mode="constant"))

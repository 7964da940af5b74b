"""A model of an image's power spectrum: power law of the object, transfer function, noise; and its fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..fourier import Doubles
from . import airy

STEPS: Final = 20
"""Steps of the fit of the amplitudes; 400 change no result."""
WIDTHS: Final = np.geomspace(1.39, 12.6, 45)
"""FWHM of the PSF that are tried, in pixels, 5 % apart."""
SLOPES: Final = np.arange(0, 4.1, 0.5)
"""Slopes of the object's power spectrum that are tried: 0 for points, 1 for lines, 3 for edges."""

Factor = Callable[[Doubles], Doubles]


@dataclass(frozen=True)
class Spectrum:
    """Mean power in bins of frequency (cycles per pixel), and the number of values in each."""

    frequency: Doubles
    count: Doubles
    power: Doubles


@dataclass(frozen=True)
class Fit:
    """What the models say about a spectrum.

    Attributes
    ----------
    misfit : array, (widths, slopes)
        Least negative log-likelihood, up to a constant.
    structure_gain, noise_gain : float
        By how much it would grow without structure that a PSF has blurred, and without noise.
    bins : int
        Number of bins of the spectrum.
    """

    misfit: Doubles
    structure_gain: float
    noise_gain: float
    bins: int


def transfer(kind: str, cycles: Doubles) -> Doubles:
    """Return the transfer function of a PSF of FWHM 1, ``"gauss"`` or ``"airy"``.

    Parameters
    ----------
    kind : str
        Shape of the PSF.
    cycles : array
        Frequencies in cycles per FWHM.

    Examples
    --------
    >>> transfer("airy", np.array([0.0, 0.515, 1.03])).round(3) + 0
    array([1.   , 0.391, 0.   ])
    """
    if kind == "gauss":
        return np.asarray(np.exp(-np.square(np.pi * cycles) / (4 * np.log(2))))
    return airy.transfer(cycles / 1.03)


def fit_with_white_noise(spectrum: Spectrum) -> Fit:
    """Fit a spectrum whose noise is independent from pixel to pixel."""
    return _fit(spectrum, np.ones((1, len(spectrum.frequency))))


def fit_with_coloured_noise(spectrum: Spectrum) -> Fit:
    """Fit a spectrum whose noise is correlated: white noise and the one of several spectra that fits best."""
    k = spectrum.frequency
    models = [np.stack([np.ones_like(k), np.maximum(_around(k, colour), 1e-9)]) for colour in _COLOURS]
    coarse = [_misfit(spectrum, "airy", noise, WIDTHS[::3], SLOPES[::2]).min() for noise in models]
    return _fit(spectrum, models[int(np.argmin(coarse))])


def _fit(spectrum: Spectrum, noise: Doubles) -> Fit:
    misfit = np.minimum(*(_misfit(spectrum, kind, noise, WIDTHS, SLOPES) for kind in ("airy", "gauss")))
    haze = _misfit(spectrum, "gauss", noise, np.array([40.0]), np.array([4.0])).min()
    silent = min(_misfit(spectrum, kind, noise[:0], WIDTHS, SLOPES).min() for kind in ("airy", "gauss"))
    least = float(misfit.min())
    return Fit(misfit, float(haze) - least, float(silent) - least, len(spectrum.power))


def _misfit(spectrum: Spectrum, kind: str, noise: Doubles, widths: Doubles, slopes: Doubles) -> Doubles:
    """Least negative log-likelihood for each width and slope, the amplitudes of structure and noise being fitted.

    The mean power of n values is gamma-distributed with shape n about the model (Whittle 1953). The multiplicative
    steps are those of non-negative factorisation with the Itakura-Saito divergence (Févotte, Bertin & Durrieu 2009).
    """
    k, power = spectrum.frequency, spectrum.power
    weight = spectrum.count / 2  # the window makes neighbouring frequencies alike
    pixel = _around(k, lambda f: np.asarray(np.sinc(f) ** 2))
    blur = np.maximum(transfer(kind, widths[:, None] * k) ** 2, 1e-20)
    shape = blur[:, None] * (k / k[0]) ** -slopes[:, None] * pixel
    height = np.full((*shape.shape[:2], 1), power[:3].mean())
    scale = np.full((*shape.shape[:2], len(noise)), power[-len(power) // 5 :].mean())
    for _ in range(STEPS):
        inverse = weight / (height * shape + scale @ noise + 1e-33)
        ratio = np.square(inverse) * power / weight
        height = height * (ratio * shape).sum(-1, keepdims=True) / (inverse * shape).sum(-1, keepdims=True)
        scale = scale * (ratio @ noise.T) / (inverse @ noise.T)
    part = power / (height * shape + scale @ noise + 1e-33)
    return np.asarray((weight * (part - 1 - np.log(part))).sum(-1))


def _around(frequency: Doubles, along: Factor) -> Doubles:
    """Mean over a ring of a power spectrum that is a product of one factor per axis."""
    angle = (np.arange(16) + 0.5) / 16 * np.pi / 4
    fx, fy = frequency[:, None] * np.cos(angle), frequency[:, None] * np.sin(angle)
    inside = fx <= 0.5
    return np.asarray(np.where(inside, along(fx) * along(fy), 0).sum(1) / np.maximum(inside.sum(1), 1))


def _cosine(power: int) -> Factor:
    return lambda f: np.asarray(np.cos(np.pi * f) ** power)


def _low_pass(edge: float) -> Factor:
    return lambda f: np.asarray(1 / (1 + (f / edge) ** 16))


def _smoothed(sigma: float) -> Factor:
    return lambda f: np.asarray(np.exp(-np.square(2 * np.pi * sigma * f)))


def _cubic(f: Doubles) -> Doubles:
    return np.asarray((1 / 2 + 9 / 16 * np.cos(2 * np.pi * f) - 1 / 16 * np.cos(6 * np.pi * f)) ** 2)


def _spline(f: Doubles) -> Doubles:
    return np.asarray(np.sinc(2 * f) ** 8 / (2 / 3 + np.cos(4 * np.pi * f) / 3) ** 2)


def _linear_3(f: Doubles) -> Doubles:
    return np.asarray(((1 + 2 * np.cos(2 * np.pi * f)) / 3) ** 4)


_COLOURS: Final[tuple[Factor, ...]] = (
    _cosine(2),  # mean of two pixels
    _cosine(4),  # enlarged twice, linear interpolation
    _cosine(6),  # the same, the borders of the pixels kept in place
    _cubic,  # the same, cubic convolution (Keys 1981)
    _spline,  # the same, cubic spline (Unser 1999)
    _linear_3,  # enlarged three times, linear interpolation
    *map(_low_pass, (0.17, 0.25, 0.34, 0.42)),
    *map(_smoothed, (0.5, 0.7, 1.0, 1.4)),
)
"""Power spectra along one axis of noise that is correlated between pixels."""

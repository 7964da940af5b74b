"""Which parts of a result to doubt, and why: contradicted by the data, hanging on noise, PSF or parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..errors import InputError
from .residual import SIGMA_PER_FWHM, discoveries, local_mean_test, local_power_test

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

RATE: Final = 0.01
"""Part of the pixels named as contradicted that may be chance."""
LARGE_MISFIT: Final = 0.2
"""A contradiction counts from this part of the light there …"""
LARGE_POWER: Final = 1.4
"""… or where the residual's local variance is so many times the noise's …"""
LARGE_EXCESS: Final = 0.07
"""… and what it exceeds the noise by is this part of the light there: no PSF is known better."""
LARGE_NOISE: Final = 0.5
"""The result hangs on noise where halves of the light disagree by this part of the value."""
LARGE_PSF: Final = 0.25
"""It hangs on the PSF where 10 % of its width change it by this part."""
LARGE_PSF_DENIED: Final = 0.05
"""The same where the data hold detail that such a PSF would not pass (`quality.psf_band`)."""
LARGE_PARAMETERS: Final = 0.5
"""It hangs on the parameters where a factor of two in them changes it by this part."""
DARK: Final = 0.2
"""Values are compared with the local level, or with this part of the bright ones (99.5th percentile) where darker."""


@dataclass(frozen=True)
class Doubt:
    """Masks of doubt; a gauge that was not measured has none.

    Attributes
    ----------
    lost, invented : array of bool
        The data hold more, or less, light than the result explains.
    misfit : array of bool
        The residual is larger than noise, whichever its sign.
    noise, psf, parameters : array of bool or None
        The result hangs on the noise of this exposure, on the PSF's width, on the parameters.
    """

    lost: Bools
    invented: Bools
    misfit: Bools
    noise: Bools | None = None
    psf: Bools | None = None
    parameters: Bools | None = None

    @property
    def any(self) -> Bools:
        """Where anything at all is to be doubted."""
        masks = [self.lost, self.invented, self.misfit, self.noise, self.psf, self.parameters]
        return np.asarray(np.logical_or.reduce([mask for mask in masks if mask is not None]))


def detail(value: npt.NDArray[np.floating], fwhm_px: float) -> Floats:
    """Return a result at the scale at which it is judged: 0.6 widths of the PSF, 2 px at least.

    Finer detail is not judged by doubt: it is the business of injection and recovery.
    """
    sigma = max(2.0, 0.6 * fwhm_px) * SIGMA_PER_FWHM
    return np.asarray(ndimage.gaussian_filter(np.asarray(value, np.float32), sigma), np.float32)


def doubt(
    light: npt.NDArray[np.floating],
    model: npt.NDArray[np.floating],
    z: Floats,
    fwhm_px: float,
    *,
    value: npt.NDArray[np.floating] | None = None,
    noise: npt.NDArray[np.floating] | None = None,
    psf: npt.NDArray[np.floating] | None = None,
    parameters: npt.NDArray[np.floating] | None = None,
    psf_denied: bool = False,
) -> Doubt:
    """Decide at each pixel what to doubt.

    Meaning: a marked place needs a second look, at the raw data first. Blind spot: a place that is not marked is
    not proven. False detail that is finer than the PSF and that every variant shows is marked by nothing; at few
    photons false and true both vanish in the noise; haze that was taken for structure fits the data.

    Parameters
    ----------
    light, model : array, (Y, X)
        Data above the background, and the re-blurred result, in counts.
    z : array, (Y, X)
        Residual in units of the noise, an even offset taken away.
    fwhm_px : float
        Width of the PSF.
    value : array, optional
        The result at the scale of `detail`; needed with the next three.
    noise, psf, parameters : array, optional
        Local differences in counts: of two halves, of PSF widths, of parameters; see `quality.stability`.
    psf_denied : bool
        The data hold detail that the PSF would not pass: then a little that hangs on the PSF is to be doubted.

    Notes
    -----
    A contradiction must be significant (false discovery rate 1 %) *and* large (20 % of the local light, or 1.4 times
    the noise's variance and by 7 % of the light): with bright light even a perfect result shows that its PSF is a
    model. The limits were set on simulated frames; docs/evidence.md says how often they miss and how often they cry
    wolf.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> light = 100 + rng.normal(0, 10, (96, 96)).astype(np.float32)
    >>> model = np.full((96, 96), 100, np.float32); model[40:50, 40:50] += 60
    >>> found = doubt(light, model, (light - model) / 10, 4.0)
    >>> bool(found.invented[44, 44]), bool(found.any[:30].any())
    (True, False)
    """
    if value is None and not (noise is None and psf is None and parameters is None):
        raise InputError("differences of reconstructions are judged beside the value: give value= as well")
    smooth = [ndimage.gaussian_filter(np.asarray(v, np.float32), fwhm_px * SIGMA_PER_FWHM) for v in (light, model)]
    test = local_mean_test(z, fwhm_px)
    significant = discoveries(test.p_value, RATE)
    offset = np.float32(np.median(smooth[0] - smooth[1]))
    level_of_light = _level(np.maximum(smooth[0], smooth[1]))
    large = np.abs(smooth[0] - smooth[1] - offset) > LARGE_MISFIT * level_of_light
    power = local_power_test(z, 2 * fwhm_px)
    square = np.square(np.asarray(light - model - offset, np.float32))
    square = ndimage.gaussian_filter(square, 2 * fwhm_px * SIGMA_PER_FWHM)
    excess = np.sqrt(np.maximum(square * (1 - 1 / np.maximum(power.statistic, 1)), 0))
    misfit = (power.statistic > LARGE_POWER) & (excess > LARGE_EXCESS * level_of_light)
    misfit &= discoveries(power.p_value, RATE)
    contradicted = significant & large
    masks: list[Bools | None] = [None, None, None]
    if value is not None:
        level = _level(np.sqrt(ndimage.gaussian_filter(np.square(value), fwhm_px * SIGMA_PER_FWHM)))
        large_psf = LARGE_PSF_DENIED if psf_denied else LARGE_PSF
        limits = ((noise, LARGE_NOISE), (psf, large_psf), (parameters, LARGE_PARAMETERS))
        for i, (map_, limit) in enumerate(limits):
            masks[i] = None if map_ is None else np.asarray(map_ > limit * level)
    return Doubt(contradicted & (test.statistic > 0), contradicted & (test.statistic < 0), misfit, *masks)


def _level(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    floor = max(DARK * float(np.percentile(values, 99.5)), 1e-30)
    return np.asarray(np.maximum(values, floor))

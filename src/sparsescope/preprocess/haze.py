"""Smooth background: a camera offset, and haze that varies over many PSF widths; held low."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .noise_samples import saturation_level
from .noise_transfer import variance_line
from .smooth_field import smooth_field

Floats = npt.NDArray[np.float32]

FITTED = {"smooth-16": 16.0, "smooth-8": 8.0}
"""Modes that tell background from structures by the noise: shortest length of the background in PSF widths."""

MODES = ("flat", "smooth-wide", *FITTED)
"""Gentlest first: a low level for the whole plane, low percentiles in wide windows, and the fitted ones."""

WINDOW, PERCENTILE = 0.8, 1.0
"""Window of ``smooth-wide`` as a part of the plane's shorter side, and the percentile of both low modes."""

SAMPLES = 16
"""Samples along a window: a percentile needs no more, and the filter's cost grows with their square."""

LOOKED_AT = 2**16
"""Pixels in which the noise is measured for each plane: the fit needs it to no more than some ten percent."""

SMOOTHING = 0.6
"""Standard deviation of the smoothing before percentiles are taken, in PSF widths: noise must not set the level."""


def haze(plane: npt.NDArray[Any], mode: str, *, fwhm_px: float) -> Floats:
    """Smooth background of a plane.

    ``flat`` is the first percentile of the smoothed plane, sampled once per PSF width. ``smooth-wide`` takes that
    percentile in a moving window of 0.8 of the plane's shorter side, smooths it and lowers it as a whole until it lies
    under the smoothed plane everywhere. ``smooth-16`` and ``smooth-8`` fit a field that varies over no less than 16 or
    8 PSF widths to what the noise allows to be background alone (`smooth_field`).

    Parameters
    ----------
    plane : array, shape (Y, X)
        Counts; never written into.
    mode : str
        One of `MODES`.
    fwhm_px : float
        Width of the PSF in pixels.

    Returns
    -------
    array, shape (Y, X), float32
        In counts.

    Examples
    --------
    >>> import numpy as np
    >>> haze(np.full((4, 6), 7.0), "flat", fwhm_px=3.0).mean().item()
    7.0
    """
    if mode in FITTED:
        return smooth_field(plane, fwhm_px=fwhm_px, widths=FITTED[mode], variance=_variance(plane, fwhm_px))
    return _low(np.asarray(plane, np.float32), mode == "smooth-wide", fwhm_px)


def _variance(plane: npt.NDArray[Any], fwhm_px: float) -> tuple[float, float, float]:
    """Slope, intercept and least value of the noise's variance in the level; small where the plane does not show it."""
    frames = np.asarray(plane, np.float32)[None]
    line = None
    if min(plane.shape) >= 2 * fwhm_px:
        line = variance_line(frames, saturation_level(frames), fwhm_px, most=LOOKED_AT)
    if line is None:
        return 0.0, 0.0, 1e-8 * float(np.ptp(frames)) ** 2
    typical = max(float(np.median(line.variance)), 1e-12)
    if line.slope <= 2 * line.slope_error:
        return 0.0, typical, 0.05 * typical
    return line.slope, line.intercept, 0.05 * typical


def _low(plane: Floats, local: bool, fwhm_px: float) -> Floats:
    """Low percentile over the plane, or over windows nearly as wide."""
    from scipy import ndimage

    pixels = WINDOW * min(plane.shape) if local else 0.0
    step = max(1, round(fwhm_px), round(pixels / SAMPLES))
    smooth = ndimage.gaussian_filter(plane, SMOOTHING * fwhm_px, mode="reflect")
    first = [min(step // 2, (n - 1) // 2) for n in plane.shape]
    samples = smooth[first[0] :: step, first[1] :: step]
    if not local or pixels / step >= 1.9 * max(samples.shape):
        return np.full(plane.shape, np.percentile(samples, PERCENTILE), np.float32)
    size = max(3, round(pixels / step)) | 1
    low = ndimage.percentile_filter(samples, PERCENTILE, size=size, mode="reflect")
    low = ndimage.gaussian_filter(low, size / 3, mode="reflect")
    low -= max(0.0, float((low - samples).max()))
    places = [(np.arange(n) - o) / step for n, o in zip(plane.shape, first, strict=True)]
    grid = np.meshgrid(*places, indexing="ij")
    return np.asarray(ndimage.map_coordinates(low, grid, order=1, mode="nearest"), np.float32)

"""Smooth background from low percentiles: a camera offset, and haze that varies over many PSF widths; held low."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

MODES: dict[str, tuple[float | None, float]] = {
    "flat": (None, 1.0),
    "smooth-wide": (0.8, 1.0),
    "smooth-40": (40.0, 2.0),
    "smooth-20": (20.0, 3.0),
    "smooth-12": (12.0, 5.0),
    "smooth-8": (8.0, 5.0),
}
"""Window and percentile of each mode, gentlest first: the window in PSF widths, None for the whole plane; that of
``smooth-wide`` is a part of the plane's shorter side."""

SAMPLES = 16
"""Samples along a window: a percentile needs no more, and the filter's cost grows with their square."""

SMOOTHING = 0.6
"""Standard deviation of the smoothing before percentiles are taken, in PSF widths: noise must not set the level."""


def haze(plane: npt.NDArray[Any], mode: str, *, fwhm_px: float) -> Floats:
    """Low-percentile background of a plane, smooth over the window of its mode.

    The plane is smoothed and sampled once per PSF width (or 16 times along a wider window); the percentile of those
    samples in a moving window, smoothed by a third of the window, is the background. Except in the gentlest mode the
    low percentile is followed by the high one over the same window (an opening with percentiles for extremes), so that
    slopes are followed without lag. Last it is lowered as a whole until it lies under the smoothed plane everywhere:
    too low a background costs little, but what lies below the background is cut off, and then none predicts better.

    Parameters
    ----------
    plane : array, shape (Y, X)
        Counts; never written into.
    mode : str
        A key of `MODES`.
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
    from scipy import ndimage

    window, percentile = MODES[mode]
    pixels = 0.0 if window is None else window * (min(plane.shape) if mode == "smooth-wide" else fwhm_px)
    step = max(1, round(fwhm_px), round(pixels / SAMPLES))
    smooth = ndimage.gaussian_filter(np.asarray(plane, np.float32), SMOOTHING * fwhm_px, mode="reflect")
    first = [min(step // 2, (n - 1) // 2) for n in plane.shape]
    samples = smooth[first[0] :: step, first[1] :: step]
    if window is None or pixels / step >= 1.9 * max(samples.shape):
        return np.full(plane.shape, np.percentile(samples, percentile), np.float32)
    size = max(3, round(pixels / step)) | 1
    low = ndimage.percentile_filter(samples, percentile, size=size, mode="reflect")
    if mode != "smooth-wide":
        low = ndimage.percentile_filter(low, 100 - percentile, size=size, mode="reflect")
    low = ndimage.gaussian_filter(low, size / 3, mode="reflect")
    low -= max(0.0, float((low - samples).max()))
    places = [(np.arange(n) - o) / step for n, o in zip(plane.shape, first, strict=True)]
    grid = np.meshgrid(*places, indexing="ij")
    return np.asarray(ndimage.map_coordinates(low, grid, order=1, mode="nearest"), np.float32)

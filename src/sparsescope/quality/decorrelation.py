"""Decorrelation analysis: the highest frequency of an image that stands above its noise."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ..fourier import Doubles, as_plane, rings

SMALLEST: Final = 32
"""Planes less wide have too few frequencies."""
FILTERS: Final = 20
"""High-pass filters that are tried, their widths in geometric progression …"""
NARROWEST_PX: Final = 0.15
"""… down to this standard deviation, where the filter is a second derivative."""
PROMINENCE: Final = 0.001
"""A maximum of the curve counts when the curve falls by so much behind it (the authors round to three decimals)."""
LEAST_HEIGHT: Final = 0.05
"""A maximum lower than this is noise (the authors' threshold)."""
FEWEST: Final = 50
"""Frequencies a maximum must have below it: fewer are chance."""


def decorrelation_cutoff_cycles_per_px(plane: npt.ArrayLike) -> float | None:
    """Return the highest frequency at which an image still differs from noise.

    Parameters
    ----------
    plane : array_like, (Y, X)
        Pixel values of any real type and unit; values that are not finite count as the mean of the others.

    Returns
    -------
    float or None
        Cut-off in cycles per pixel, at most 0.5; None when nothing stands above the noise, or the plane is constant
        or under 32 pixels wide. It lies below the optics' cut-off, so that 1.03 / cut-off is an upper bound of the
        PSF's FWHM where the noise is independent from pixel to pixel; interpolated or filtered noise raises it.

    Raises
    ------
    InputError
        If the array has not two axes, is empty, or does not hold real numbers.

    Notes
    -----
    Descloux, Grussmayer & Radenovic, Nat. Methods 16, 918 (2019), equation 1: the correlation d(r) between the Fourier
    transform and its phases within radius r rises while signal is added and falls where only noise is. The last
    maximum of d, the highest over a set of high-pass filters, is the cut-off. Here sums over rings one frequency step
    wide take the place of masks, so that one transform serves all filters and radii, and no second pass is needed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> spectrum = np.fft.fft2(rng.normal(0, 20, (128, 128)))
    >>> passed = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)) < 0.2
    >>> image = np.fft.ifft2(spectrum * passed).real + rng.normal(0, 1, (128, 128))
    >>> 0.19 < decorrelation_cutoff_cycles_per_px(image) < 0.21
    True
    """
    values = as_plane(plane)
    if min(values.shape) < SMALLEST or not np.ptp(values) > 0:
        return None
    summed = rings(values)
    inside = summed.frequency <= 0.5
    frequency, count = summed.frequency[inside], summed.count[inside]
    amplitude, power = summed.amplitude[inside], summed.power[inside]
    widths = np.geomspace(min(values.shape) / 4, NARROWEST_PX, FILTERS)
    passed = 1 - np.exp(-2 * np.square(np.pi * widths[:, None] * frequency))
    best = 0.0
    for high_pass in [np.ones_like(frequency), *passed]:
        total = np.sqrt(np.dot(power, high_pass**2) * np.maximum(np.cumsum(count), 1.0))
        curve = np.cumsum(amplitude * high_pass) / max(float(total[-1]), 1e-300) * (total[-1] / total)
        best = max(best, _last_maximum(frequency, np.where(np.cumsum(count) < FEWEST, 0.0, curve)))
    return best or None


def _last_maximum(frequency: Doubles, curve: Doubles) -> float:
    """Frequency of the last maximum that stands out from what follows it, 0 where there is none."""
    lowest_after = np.minimum.accumulate(curve[::-1])[::-1]
    end = len(curve)
    while end > 0:
        at = int(np.argmax(curve[:end]))
        if curve[at] < LEAST_HEIGHT:
            return 0.0
        if at < len(curve) - 1 and curve[at] - lowest_after[at] >= PROMINENCE:
            return float(frequency[at])
        end = at
    return 0.0

"""From the mean of the beads to a PSF: the bead's own size, symmetry, and where it ends in the noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from .gaussian import SIGMA_PER_FWHM

Doubles = npt.NDArray[np.float64]

SEEN: Final = 4.0
"""Smoothed, the PSF ends where it is no more than so many times the noise."""
ANGLES: Final = 24
"""Turns of the symmetrisation."""
DAMPING: Final = 0.01
"""Of the division by the bead's transfer function: it amplifies no frequency more than five times."""
EMPTY: Final = 1.2
"""Frequency times FWHM beyond which a PSF has no more power than the noise."""
FEWEST: Final = 30
"""Frequencies that tell the power of the noise."""
LARGEST_BEAD: Final = 1.5
"""Beads of a larger diameter, in lateral FWHM of their images, say more of themselves than of the PSF."""


def ball_widening(diameter_um: float, fwhm_um: Sequence[float]) -> tuple[float, ...]:
    """Return by which factor a fluorescent ball widens the PSF along each axis, by the variances.

    A ball has a variance of diameter**2 / 20 along every axis; the measured width holds it.

    Examples
    --------
    >>> [round(factor, 3) for factor in ball_widening(0.1, (0.2, 0.5))]
    [1.037, 1.006]
    """
    found = []
    for width in fwhm_um:
        part = diameter_um**2 / 20 / (SIGMA_PER_FWHM * width) ** 2
        found.append(1 / math.sqrt(1 - part) if part < 1 else math.inf)
    return tuple(found)


def without_ball(values: Doubles, diameter_um: float, spacing_um: Sequence[float]) -> Doubles:
    """Divide the transfer function of a ball out of the image of a bead.

    Parameters
    ----------
    values : ndarray of float64, (Y, X) or (Z, Y, X)
        Image of a bead, background at zero; of an image of two axes, the ball is seen in projection.
    diameter_um : float
        Of the ball, in µm.
    spacing_um : sequence of float
        Voxel sizes in µm.

    Returns
    -------
    ndarray of float64
        Same shape and sum; may have negative values.

    Notes
    -----
    B(q) = 3 (sin q - q cos q) / q**3, q = pi diameter |k|; the division is B (1 + e) / (B**2 + e) with e = 0.01.
    """
    size = [
        fft.next_fast_len(n + math.ceil(2 * diameter_um / s)) for n, s in zip(values.shape, spacing_um, strict=True)
    ]
    squares = [np.square(fft.fftfreq(n, s)) for n, s in zip(size, spacing_um, strict=True)]
    q = np.pi * diameter_um * np.sqrt(sum(np.ix_(*squares)))
    safe = np.maximum(q, 1e-2)
    ball = np.where(q > 1e-2, 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3, 1 - q**2 / 10)
    inverse = ball * (1 + DAMPING) / (np.square(ball) + DAMPING)
    found = fft.ifftn(fft.fftn(values, size) * inverse).real
    return np.asarray(found[tuple(slice(0, n) for n in values.shape)])


def denoised(values: Doubles, fwhm_px: Sequence[float]) -> Doubles:
    """Attenuate the frequencies at which a PSF does not stand above the white noise of its voxels.

    Parameters
    ----------
    values : ndarray of float64
        Mean of beads, background at zero.
    fwhm_px : sequence of float
        Widths along each axis.

    Returns
    -------
    ndarray of float64
        Same shape and sum.

    Notes
    -----
    An optical transfer function ends: that of a circular aperture at r = 1.03, with r the frequency times the FWHM.
    The mean power N beyond r = 1.2 is noise. With P the power smoothed over neighbouring frequencies, those of
    P > 3 N are kept as they are, those of P < 1.5 N taken out, linearly in between: where the noise is the smaller
    part nothing is attenuated, so that the PSF is not widened.
    """
    spectrum = fft.fftn(values)
    grids = [np.square(fft.fftfreq(n) * width) for n, width in zip(values.shape, fwhm_px, strict=True)]
    empty = np.asarray(sum(np.ix_(*grids))) > EMPTY**2
    power = np.square(np.abs(spectrum))
    if empty.sum() < FEWEST:
        return values
    floor = float(power[empty].mean())
    around = ndimage.gaussian_filter(power, 1.5, mode="wrap")
    gain = np.clip((around / max(floor, 1e-300) - 1.5) / 1.5, 0, 1)
    gain.flat[0] = 1
    return np.asarray(fft.ifftn(spectrum * gain).real)


def symmetrised(values: Doubles, spacing_um: Sequence[float]) -> Doubles:
    """Return the mean of a PSF turned about the optical axis, by cubic splines.

    Parameters
    ----------
    values : ndarray of float64, (Y, X) or (Z, Y, X)
        Odd lengths, its centre at the middle voxel.
    spacing_um : sequence of float
        Voxel sizes in µm; those of y and x may differ.
    """
    planes = values.reshape(-1, *values.shape[-2:])
    y, x = (np.arange(n) - n // 2 for n in planes.shape[1:])
    ratio = spacing_um[-2] / spacing_um[-1]
    rows, columns = np.meshgrid(y * ratio, x, indexing="ij")
    turned = np.zeros_like(planes)
    for number, plane in enumerate(planes):
        spline = ndimage.spline_filter(plane, 3, mode="constant")
        for angle in 2 * np.pi * np.arange(ANGLES) / ANGLES:
            cos, sin = math.cos(angle), math.sin(angle)
            at = [(cos * rows - sin * columns) / ratio + len(y) // 2, sin * rows + cos * columns + len(x) // 2]
            turned[number] += ndimage.map_coordinates(spline, at, order=3, mode="constant", prefilter=False)
    return np.asarray(turned.reshape(values.shape) / ANGLES)


def support(values: Doubles, noise: float, fwhm_px: Sequence[float]) -> Doubles:
    """Return where a PSF stands above its noise, with soft edges.

    Parameters
    ----------
    values : ndarray of float64
        Background at zero, centre at the middle voxel.
    noise : float
        Standard deviation of a voxel.
    fwhm_px : sequence of float
        Widths along each axis.

    Returns
    -------
    ndarray of float64
        1 where the PSF, smoothed by a Gaussian of 0.4 FWHM, exceeds four times the noise that is left, without islands
        far from the rest, and everywhere within one FWHM of the middle. Falls to 0 over four voxels outside of that
        and, where this reaches the sides of the array, before them: a step would ring through all frequencies.
    """
    blur = [0.4 * width * SIGMA_PER_FWHM for width in fwhm_px]
    impulse = np.zeros(values.shape)
    impulse[tuple(n // 2 for n in values.shape)] = 1
    left = noise * math.sqrt(float(np.square(ndimage.gaussian_filter(impulse, blur)).sum()))
    seen = ndimage.gaussian_filter(values, blur, mode="constant") > SEEN * left
    grids = np.ogrid[tuple(slice(-(n // 2), n // 2 + 1) for n in values.shape)]
    seen |= sum((g / w) ** 2 for g, w in zip(grids, fwhm_px, strict=True)) <= 1
    islands, _ = ndimage.label(ndimage.binary_dilation(seen, iterations=max(1, round(0.3 * min(fwhm_px)))))
    grown = ndimage.binary_dilation(seen & (islands == islands[tuple(n // 2 for n in values.shape)]), iterations=2)
    soft = ndimage.gaussian_filter(grown.astype(np.float64), 1.0, mode="constant", radius=2)
    return np.asarray(soft)


def cropped(values: Doubles) -> Doubles:
    """Cut off outer voxels that are zero, as many on both sides of each axis.

    Examples
    --------
    >>> cropped(np.pad(np.ones((1, 1)), ((3, 3), (1, 2)))[:, :3]).shape
    (1, 1)
    """
    parts = []
    for axis, n in enumerate(values.shape):
        some = np.flatnonzero(values.any(axis=tuple(a for a in range(values.ndim) if a != axis)))
        reach = max(n // 2 - int(some[0]), int(some[-1]) - n // 2) if len(some) else 0
        parts.append(slice(n // 2 - reach, n // 2 + reach + 1))
    return values[tuple(parts)]

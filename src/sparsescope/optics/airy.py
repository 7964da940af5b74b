"""Airy pattern of a clear circular pupil: what a microscope in focus makes of a point, integrated over the pixels."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from .gaussian import LARGEST_FWHM_PX

Floats = npt.NDArray[np.float32]

HALF_MAXIMUM: Final = 1.616339948310703
"""Where (2 J₁(v) / v)² is one half."""
CUT_OFF: Final = 2 * HALF_MAXIMUM / math.pi
"""Frequency that the pupil no longer passes times the FWHM: 1.029."""
REACH: Final = 6.0
"""Half-width of the kernel in FWHM: 2 to 3 % of the light lie beyond, spread so far that the background holds them."""
LARGEST_REACH_PX: Final = 255
"""Half-width of the kernel at most."""
SAMPLES: Final = 5
"""Gauss–Legendre nodes along a pixel of a quarter of the FWHM; wider pixels have more."""


def transfer(relative: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the transfer function of a clear circular pupil.

    Parameters
    ----------
    relative : array
        Frequencies as parts of the cut-off; none is passed from 1 on.

    Notes
    -----
    ``2/π (arccos v − v √(1 − v²))``, the overlap of two circles (Born & Wolf, Principles of Optics, 9.5).

    Examples
    --------
    >>> transfer(np.array([0.0, 0.5, 1.0, 2.0])).round(3) + 0
    array([1.   , 0.391, 0.   , 0.   ])
    """
    v = np.minimum(np.abs(np.asarray(relative, np.float64)), 1)
    return np.asarray(2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v * v)))


def airy_psf(fwhm_yx_px: tuple[float, float], *, reach: float = REACH) -> Floats:
    """Return the Airy pattern of these widths on pixels.

    Parameters
    ----------
    fwhm_yx_px : tuple of float
        Full width at half maximum along y and x before the integration over pixels, in pixels; > 0, <= 1000.
    reach : float
        Half-width of the kernel, in FWHM; no more than 255 pixels.

    Returns
    -------
    array, shape (Y, X), float32
        Of odd lengths, centred on the middle pixel, its sum 1.

    Raises
    ------
    RecipeError
        If a width is out of its range.

    Notes
    -----
    ``(2 J₁(v) / v)²`` with v = 1.6163 · 2 r / FWHM (Airy 1835; Born & Wolf, Principles of Optics, 8.5.2), integrated
    over each pixel by Gauss–Legendre quadrature.

    Examples
    --------
    >>> psf = airy_psf((4.0, 4.0))
    >>> psf.shape, round(float(psf[24, 26] / psf[24, 24]), 2)
    ((49, 49), 0.51)
    """
    from scipy.special import j1

    sides = []
    for width in fwhm_yx_px:
        if not 0 < width <= LARGEST_FWHM_PX:
            raise RecipeError(
                f"PSF width = {width!r} px is not allowed: a number > 0 and <= {LARGEST_FWHM_PX:g}, in pixels"
            )
        half = min(max(math.ceil(reach * width - 0.5), 1), LARGEST_REACH_PX)
        nodes, weights = np.polynomial.legendre.leggauss(SAMPLES * math.ceil(max(1.0, 4 / width)))
        places = (np.arange(half + 1)[:, None] + nodes / 2) * 2 * HALF_MAXIMUM / width
        sides.append((places, weights / 2))
    (y, by), (x, bx) = sides
    quadrant = np.zeros((len(y), len(x)))
    for i, weight_y in enumerate(by):
        for j, weight_x in enumerate(bx):
            v = np.maximum(np.hypot(y[:, i, None], x[None, :, j]), 1e-6)
            quadrant += weight_y * weight_x * (2 * j1(v) / v) ** 2
    rows = np.concatenate([quadrant[:0:-1], quadrant])
    psf = np.concatenate([rows[:, :0:-1], rows], axis=1)
    return np.asarray(psf / psf.sum(), np.float32)

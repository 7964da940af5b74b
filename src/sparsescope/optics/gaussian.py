"""Gaussian point-spread function, integrated over the pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError

Floats = npt.NDArray[np.float32]

SIGMA_PER_FWHM: Final = 1 / (2 * math.sqrt(2 * math.log(2)))
"""Standard deviation of a Gaussian divided by its full width at half maximum, 0.42466."""

TRUNCATE_SIGMA: Final = 5.1
"""Half-width of the kernels in standard deviations: 3.4e-7 of the mass lies outside along each axis, at most."""

LARGEST_FWHM_PX: Final = 1000.0


def gaussian_kernel1d(fwhm_px: float, *, truncate: float = TRUNCATE_SIGMA) -> Floats:
    """Return the weights of a Gaussian blur along one axis, each integrated over its pixel.

    Parameters
    ----------
    fwhm_px : float
        Full width at half maximum of the Gaussian (before the integration over pixels), in pixels; > 0, <= 1000.
    truncate : float
        The outermost pixels' outer borders lie at least so many standard deviations from the centre; > 0, <= 20.
        The default leaves out less than 3.4e-7 of the mass; what is left is scaled up to 1.

    Returns
    -------
    ndarray of float32, shape (2 * radius + 1,)
        Symmetric weights, their sum 1; the outer product of one per axis is :func:`gaussian_psf`.

    Raises
    ------
    RecipeError
        If the width or the truncation is out of its range.

    Notes
    -----
    Weight k is the integral over [k - 1/2, k + 1/2] of the normal density of standard deviation
    s = 0.42466 `fwhm_px`: (erf((k + 1/2) / (s sqrt 2)) - erf((k - 1/2) / (s sqrt 2))) / 2. Its variance is s**2 + 1/12.

    Examples
    --------
    >>> gaussian_kernel1d(3.0).shape
    (13,)
    >>> round(float(gaussian_kernel1d(3.0)[6]), 4)
    0.3053
    """
    return _weights(fwhm_px, truncate).astype(np.float32)


def gaussian_psf(fwhm_px: float | Sequence[float], ndim: int = 2, *, truncate: float = TRUNCATE_SIGMA) -> Floats:
    """Return a Gaussian point-spread function, integrated over the pixels.

    Parameters
    ----------
    fwhm_px : float or sequence of float
        Full width at half maximum of the Gaussian in pixels, one for all axes or one for each, such as (y, x).
    ndim : int
        Number of axes, 1 to 3.
    truncate : float
        See :func:`gaussian_kernel1d`.

    Returns
    -------
    ndarray of float32, `ndim` axes of odd length
        Centred on the middle pixel, its sum 1.

    Raises
    ------
    RecipeError
        If `ndim`, a width or the truncation is out of its range, or the number of widths is not `ndim`.

    Examples
    --------
    >>> gaussian_psf((3.0, 2.0)).shape
    (13, 9)
    """
    if ndim not in (1, 2, 3):
        raise RecipeError(f"ndim = {ndim!r} is not allowed: a PSF has 1, 2 or 3 axes")
    widths = tuple(fwhm_px) if isinstance(fwhm_px, Sequence | np.ndarray) else (fwhm_px,) * ndim
    if len(widths) != ndim:
        raise RecipeError(
            f"{len(widths)} widths {widths} for a PSF of {ndim} axes: give one for each axis, or one for all"
        )
    psf = np.ones((1,) * ndim)
    for axis, width in enumerate(widths):
        psf = psf * np.expand_dims(_weights(width, truncate), [other for other in range(ndim) if other != axis])
    return psf.astype(np.float32)


def fwhm_from_optics_um(numerical_aperture: float, emission_nm: float) -> float:
    """Return the lateral width of the diffraction-limited PSF of a wide-field microscope, 0.51 wavelength / NA.

    Parameters
    ----------
    numerical_aperture : float
        Of the detection objective; > 0, <= 2.
    emission_nm : float
        Emission wavelength in vacuum, in nanometres; 100 to 3000.

    Returns
    -------
    float
        Full width at half maximum in focus, in µm.

    Raises
    ------
    RecipeError
        If a value is out of its range.

    Notes
    -----
    In-focus intensity of a circular aperture (Airy 1835; Born & Wolf, Principles of Optics, 8.5.2): (2 J1(v) / v)**2
    with v = 2 pi NA r / wavelength, which is 1/2 at v = 1.6163, so FWHM = 0.5145 wavelength / NA, quoted as 0.51.
    Scalar and without aberrations: a lower bound for a real microscope.

    Examples
    --------
    >>> round(fwhm_from_optics_um(1.4, 525.0), 3)
    0.191
    """
    if not 0 < numerical_aperture <= 2:
        raise RecipeError(f"numerical aperture = {numerical_aperture!r} is not allowed: a number > 0 and <= 2")
    if not 100 <= emission_nm <= 3000:
        raise RecipeError(f"emission wavelength = {emission_nm!r} nm is not allowed: 100 to 3000, in nanometres")
    return 0.51 * emission_nm / 1000 / numerical_aperture


def _weights(fwhm_px: float, truncate: float) -> npt.NDArray[np.float64]:
    """Weights of :func:`gaussian_kernel1d` in double precision."""
    if not 0 < fwhm_px <= LARGEST_FWHM_PX:
        raise RecipeError(
            f"PSF width = {fwhm_px!r} px is not allowed: a number > 0 and <= {LARGEST_FWHM_PX:g}, in pixels"
        )
    if not 0 < truncate <= 20:
        raise RecipeError(f"truncate = {truncate!r} is not allowed: a number of standard deviations > 0 and <= 20")
    sigma = fwhm_px * SIGMA_PER_FWHM
    radius = max(math.ceil(truncate * sigma - 0.5), 0)
    # erfc of the positive side: differences of erf near 1 would lose the outer weights' digits
    borders = np.arange(radius + 2) - 0.5
    beyond = np.array([math.erfc(border / (sigma * math.sqrt(2))) / 2 for border in borders])
    half = beyond[:-1] - beyond[1:]
    weights = np.concatenate([half[:0:-1], half])
    return np.asarray(weights / weights.sum())

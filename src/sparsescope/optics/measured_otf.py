"""The optical transfer function of a PSF on voxels, and where it ends."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft

from .measured_volume import AXES
from .psf import Psf

Doubles = npt.NDArray[np.float64]

LEVEL: Final = 0.01
"""Modulation at which the transfer function is said to end: a structure of that period keeps 1 % of its contrast."""
FINER: Final = 8
"""Points per frequency step of the array itself."""


def otf_line(psf: Psf, axis: str) -> tuple[Doubles, Doubles]:
    """Return the modulus of the transfer function along the frequency axis of one direction.

    Parameters
    ----------
    psf : Psf
        On voxels, of known size or not.
    axis : str
        ``"x"``, ``"y"`` or ``"z"``.

    Returns
    -------
    frequency : ndarray of float64
        From 0 to half a cycle per voxel, in cycles per µm (per voxel where the size is not known).
    modulus : ndarray of float64
        1 at frequency 0.

    Notes
    -----
    By the projection-slice theorem it is the Fourier transform of the PSF summed over the other axes.

    Examples
    --------
    >>> frequency, modulus = otf_line(Psf(np.ones((1, 3)), {"x": 0.1, "y": 0.1}), "x")
    >>> float(frequency[-1]), round(float(modulus[-1]), 3)
    (5.0, 0.333)
    """
    number = AXES[-psf.ndim :].index(axis)
    profile = np.asarray(psf.data, np.float64).sum(tuple(a for a in range(psf.ndim) if a != number))
    count = 2 * FINER * len(profile)
    return fft.rfftfreq(count, psf.spacing_um.get(axis, 1.0)), np.abs(fft.rfft(profile, count)) / profile.sum()


def otf_end(psf: Psf, axis: str, level: float = LEVEL) -> float | None:
    """Return the frequency at which the transfer function first falls below a level, None where it does not.

    Examples
    --------
    >>> from sparsescope.optics.gaussian import gaussian_psf
    >>> psf = Psf(gaussian_psf(4.0), {"x": 0.05, "y": 0.05})  # exp(-3.56 (0.2 k)**2) is 0.01 at k = 5.7
    >>> round(otf_end(psf, "x"), 1)
    5.7
    """
    frequency, modulus = otf_line(psf, axis)
    below = np.flatnonzero(modulus < level)
    return float(frequency[below[0]]) if len(below) else None


def otf_plane(psf: Psf, axes: str) -> Doubles:
    """Return the modulus of the transfer function over the plane of two frequency axes, frequency 0 in the middle.

    Parameters
    ----------
    psf : Psf
        On voxels.
    axes : str
        Axis down and axis across, such as ``"zx"`` or ``"yx"``.

    Returns
    -------
    ndarray of float64
        1 in the middle; lengths are odd, from about minus to plus half a cycle per voxel.
    """
    letters = AXES[-psf.ndim :]
    down, across = (letters.index(axis) for axis in axes)
    others = tuple(a for a in range(psf.ndim) if a not in (down, across))
    plane = np.asarray(psf.data, np.float64).sum(others)
    if down > across:
        plane = plane.T
    size = [max(4 * n, 64) + 1 for n in plane.shape]
    return np.asarray(np.abs(fft.fftshift(fft.fft2(plane, size))) / plane.sum())

"""How wide a PSF is, measured on its voxels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from .psf import Psf

FINER = 64
"""Points per voxel at which a profile is looked at between its voxels."""


def fwhm_um(psf: Psf) -> dict[str, float | None]:
    """Measure the full width at half maximum of a PSF along each axis.

    Parameters
    ----------
    psf : Psf
        With the voxel sizes of its axes.

    Returns
    -------
    dict
        Width in µm by axis, ``"y"`` and ``"x"``, and ``"z"`` for a volume, along the lines through the brightest
        voxel; None where the line does not fall to half its maximum within the array, or is one voxel long. Widths
        are those of the array: wider than the optics' by what the integration over pixels adds.

    Raises
    ------
    RecipeError
        If the PSF does not say its voxel sizes.

    Examples
    --------
    >>> from sparsescope.optics.gaussian import gaussian_psf
    >>> width = fwhm_um(Psf(gaussian_psf((4.0, 6.0)), {"y": 0.1, "x": 0.05}))
    >>> round(width["y"], 3), round(width["x"], 3)
    (0.406, 0.302)
    """
    axes = "zyx"[-psf.ndim :]
    missing = [axis for axis in axes if axis not in psf.spacing_um]
    if missing:
        raise RecipeError(
            f"the PSF does not say its voxel size along {', '.join(missing)}: give --pixel-size-um (and --z-step-um), "
            "or read its width in voxels by fwhm_px"
        )
    widths = fwhm_px(psf).items()
    return {axis: None if width is None else width * psf.spacing_um[axis] for axis, width in widths}


def fwhm_px(psf: Psf) -> dict[str, float | None]:
    """Measure the full width at half maximum in voxels; see :func:`fwhm_um`."""
    values = np.asarray(psf.data, np.float64)
    peak = np.unravel_index(int(values.argmax()), values.shape)
    widths: dict[str, float | None] = {}
    for axis, name in enumerate("zyx"[-psf.ndim :]):
        line = values[tuple(slice(None) if i == axis else peak[i] for i in range(values.ndim))]
        widths[name] = line_fwhm_px(line, int(peak[axis]))
    return widths


def line_fwhm_px(line: npt.NDArray[np.float64], peak: int) -> float | None:
    """Width at half maximum of the crest that holds the element `peak`, by a spline of fifth order.

    Examples
    --------
    >>> round(line_fwhm_px(np.exp(-np.square(np.arange(-8, 9) / 2.0)), 8), 3)
    3.332
    """
    from scipy.interpolate import make_interp_spline

    if len(line) < 3:
        return None
    fine = np.linspace(0, len(line) - 1, (len(line) - 1) * FINER + 1)
    curve = make_interp_spline(np.arange(len(line)), line, k=5 if len(line) > 5 else 2)(fine)
    near = slice(max(peak - 1, 0) * FINER, (peak + 1) * FINER + 1)
    top = int(curve[near].argmax()) + near.start
    half = curve[top] / 2
    left, right = np.flatnonzero(curve[:top] <= half), np.flatnonzero(curve[top:] <= half)
    if not len(left) or not len(right):
        return None
    ends = []
    for inside, outside in ((left[-1] + 1, left[-1]), (top + right[0] - 1, top + right[0])):
        part = (curve[inside] - half) / (curve[inside] - curve[outside])
        ends.append(fine[inside] + part * (fine[outside] - fine[inside]))
    return float(ends[1] - ends[0])

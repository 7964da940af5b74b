"""Point-spread functions on the fine grid of a simulation, as transfer functions."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import fft

from ..errors import RecipeError
from ..optics.airy import transfer as round_pupil
from ..optics.gaussian import SIGMA_PER_FWHM
from ..optics.psf import Psf
from .canvas import Canvas, Doubles, Grid

Model = Literal["gauss", "airy"]

AIRY_CUTOFF = 1.0290
"""Cut-off frequency of an Airy pattern times its FWHM: 2 NA / λ times 0.51450 λ / NA (Born & Wolf, 8.5)."""


def transfer(grid: Grid, fwhm_um: float, model: Model = "gauss") -> Doubles:
    """Return the transfer function of a PSF for ``scipy.fft.rfft2`` of the fine grid.

    Parameters
    ----------
    grid : Grid
        Fine grid; what leaves it on one side enters on the other, so its margin has to be wider than the PSF.
    fwhm_um : float
        Full width at half maximum in µm.
    model : {"gauss", "airy"}
        ``exp(-2 (π σ f)²)``, or the incoherent transfer function of a round pupil,
        ``2/π (arccos v - v √(1 - v²))`` with v the frequency as a part of the cut-off.

    Examples
    --------
    >>> transfer(Grid((16, 16), 0.1), 0.25).shape
    (256, 129)
    """
    if model not in get_args(Model):
        raise RecipeError(f"PSF {model!r} is not allowed: one of {', '.join(get_args(Model))}")
    if not fwhm_um > 0:
        raise RecipeError(f"fwhm_um = {fwhm_um!r} is not allowed: give a width above 0, in µm")
    height, width = grid.fine_shape
    f = np.hypot(fft.fftfreq(height, grid.fine_um)[:, None], fft.rfftfreq(width, grid.fine_um)[None])
    if model == "gauss":
        return np.asarray(np.exp(-2 * (np.pi * SIGMA_PER_FWHM * fwhm_um * f) ** 2))
    return round_pupil(f * fwhm_um / AIRY_CUTOFF)


def transfer_of(psf: Psf, grid: Grid) -> npt.NDArray[np.complex128]:
    """Return the transfer function of a PSF given as an array on the fine grid's own sampling.

    Raises
    ------
    RecipeError
        If it is a volume, larger than the grid, or of another sampling.
    """
    spacing = psf.spacing_um.get("x", grid.fine_um)
    if psf.ndim != 2 or any(n > m for n, m in zip(psf.data.shape, grid.fine_shape, strict=True)):
        raise RecipeError(
            f"a PSF of shape {psf.data.shape}: allowed is a plane, no larger than the grid {grid.fine_shape}"
        )
    if abs(spacing / grid.fine_um - 1) > 1e-3:
        raise RecipeError(f"the PSF is sampled at {spacing:g} µm, the fine grid at {grid.fine_um:g} µm: resample it")
    canvas = np.zeros(grid.fine_shape)
    canvas[: psf.data.shape[0], : psf.data.shape[1]] = psf.data
    return np.asarray(fft.rfft2(np.roll(canvas, [-(n // 2) for n in psf.data.shape], (0, 1))))


def blurred(samples: Doubles, response: npt.NDArray[np.number]) -> Doubles:
    """Return fine samples seen through the optics; rounding below zero is cut."""
    return np.asarray(np.maximum(fft.irfft2(fft.rfft2(samples) * response, s=samples.shape), 0))


def camera_psf(grid: Grid, response: npt.NDArray[np.number], fwhm_um: float, source: str) -> Psf:
    """Return the PSF as the camera samples it: a point in the middle of a pixel, blurred and summed over pixels."""
    radius = min(max(2, int(np.ceil(3 * fwhm_um / grid.pixel_size_um))), (min(grid.shape_px) - 1) // 2)
    row, column = (n // 2 for n in grid.shape_px)
    canvas = Canvas(grid)
    canvas.points((row + 0.5) * grid.pixel_size_um, (column + 0.5) * grid.pixel_size_um, 1.0)
    seen = grid.pixels(blurred(canvas.samples, response))
    part = seen[row - radius : row + radius + 1, column - radius : column + radius + 1]
    return Psf(part.astype(np.float32), {"x": grid.pixel_size_um, "y": grid.pixel_size_um}, source)

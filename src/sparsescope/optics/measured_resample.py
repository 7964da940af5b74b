"""A measured PSF on other voxels: band-limited interpolation that knows what a pixel integrates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from .measured_volume import AXES
from .psf import Psf
from .width import line_fwhm_px

Doubles = npt.NDArray[np.float64]

COARSEST: Final = 2.0
"""A PSF whose voxels are larger than this many of the image's is not measured finely enough for it."""
SAMPLED: Final = 2.0
"""Voxels at half maximum that interpolation needs: less is undersampled."""
SAME: Final = 1e-3
"""Relative difference of sizes below which they are the same."""
CUT: Final = 1e-3
"""Part of the light in negative values above which it is said that they were cut."""


def resampled(psf: Psf, spacing_um: Mapping[str, float]) -> Psf:
    """Return a PSF on the voxels of an image.

    Parameters
    ----------
    psf : Psf
        With the voxel sizes of all its axes.
    spacing_um : mapping
        Voxel sizes of the image in µm, ``"x"``, ``"y"`` and for a volume ``"z"``.

    Returns
    -------
    Psf
        Odd lengths, the centre kept at the middle voxel, sum 1; the same object where the sizes agree to 0.1 %.

    Raises
    ------
    RecipeError
        If a size is not known, the PSF's voxels are more than twice as large as the image's, or the PSF is
        undersampled (under two voxels wide at half maximum).

    Notes
    -----
    With s and t the old and the new size and P the Fourier transform of the PSF, continued by zeros: along y and x the
    new values are the inverse transform of P(k) sinc(k t) / sinc(k s) at the new voxels' centres, because a pixel
    integrates over its area; along z of P(k), because planes are points. No frequency beyond 1 / (2 s) is made up.

    Examples
    --------
    >>> from sparsescope.optics.gaussian import gaussian_psf
    >>> psf = Psf(gaussian_psf(8.0), {"y": 0.05, "x": 0.05})
    >>> coarser = resampled(psf, {"y": 0.1, "x": 0.1}).data
    >>> float(np.abs(coarser - gaussian_psf(4.0)[1:-1, 1:-1]).max()) < 1e-5
    True
    """
    axes = AXES[-psf.ndim :]
    _check(psf, spacing_um, axes)
    factors = [spacing_um[axis] / psf.spacing_um[axis] for axis in axes]
    if all(abs(factor - 1) <= SAME for factor in factors):
        return psf
    values = np.asarray(psf.data, np.float64)
    for axis, (name, factor) in enumerate(zip(axes, factors, strict=True)):
        if abs(factor - 1) > SAME:
            matrix = _interpolation(values.shape[axis], factor, integrates=name != "z")
            values = np.moveaxis(np.tensordot(matrix, values, (1, axis)), 0, axis)
    negative = float(-values[values < 0].sum() / values[values > 0].sum())
    old, new = (" × ".join(f"{sizes[axis]:.4g}" for axis in axes) for sizes in (psf.spacing_um, spacing_um))
    notes = [f"resampled from voxels of {old} µm to {new} µm ({', '.join(axes)})"]
    if negative > CUT:
        notes.append(f"negative values after resampling were cut: {100 * negative:.2g} % of the light")
    sizes = {axis: float(spacing_um[axis]) for axis in axes}
    return Psf(np.maximum(values, 0).astype(np.float32), sizes, psf.source, (*psf.notes, *notes))


def _check(psf: Psf, spacing_um: Mapping[str, float], axes: str) -> None:
    for axis in axes:
        flag = "--z-step-um" if axis == "z" else "--pixel-size-um"
        if axis not in psf.spacing_um:
            raise RecipeError(f"the PSF does not say its voxel size along {axis}: give it (psf_spacing_um, {flag})")
        if axis not in spacing_um:
            raise RecipeError(
                f"the PSF has voxels of its own ({psf.spacing_um[axis]:g} µm along {axis}), but the image's size along "
                f"{axis} is not known: give it by {flag}, or give the PSF on the image's voxels"
            )
        factor = psf.spacing_um[axis] / spacing_um[axis]
        if factor > COARSEST * (1 + SAME):
            hint = " (if it is in nanometres, divide it by 1000)" if factor > 100 else ""
            raise RecipeError(
                f"the PSF's voxels are {factor:.3g} times as large as the image's along {axis} "
                f"({psf.spacing_um[axis]:g} and {spacing_um[axis]:g} µm), and finer detail cannot be made up: at most "
                f"{COARSEST:g} times is allowed. Measure the PSF with smaller voxels, or correct the sizes{hint}"
            )
        if factor < 1 / 100:
            raise RecipeError(
                f"the PSF's voxels are {1 / factor:.3g} times smaller than the image's along {axis} "
                f"({psf.spacing_um[axis]:g} and {spacing_um[axis]:g} µm): correct the sizes, both are in µm"
            )
        _check_sampling(psf, axis, axes, abs(factor - 1) > SAME)


def _check_sampling(psf: Psf, axis: str, axes: str, changes: bool) -> None:
    if not changes:
        return
    number = axes.index(axis)
    peak = np.unravel_index(int(psf.data.argmax()), psf.data.shape)
    line = psf.data[tuple(slice(None) if i == number else peak[i] for i in range(psf.ndim))].astype(np.float64)
    width = line_fwhm_px(np.pad(line, 2), int(peak[number]) + 2)
    if width is not None and width < SAMPLED:
        raise RecipeError(
            f"the PSF is undersampled along {axis}: {width:.2g} voxels wide at half maximum, and resampling it to the "
            f"image's voxels needs {SAMPLED:g}. Measure it with smaller voxels, or give it on the image's voxels"
        )


def _interpolation(count: int, factor: float, *, integrates: bool) -> Doubles:
    """Matrix from `count` old voxels to the new ones, `factor` times as large, both around the same middle."""
    reach = max(math.floor(((count - 1) / 2 + 0.5) / factor), 0)
    new = np.arange(-reach, reach + 1) * factor
    old = np.arange(count) - (count - 1) / 2
    padded = 2 * max(count, 8)
    k = np.arange(1, padded // 2) / padded
    gain = np.sinc(k * factor) / np.sinc(k) if integrates else np.ones_like(k)
    lag = new[:, None] - old[None, :]
    matrix = 1 + 2 * (gain * np.cos(2 * np.pi * lag[..., None] * k)).sum(-1)
    return np.asarray(factor * matrix / padded)

"""Low-frequency background by an iterated wavelet low-pass; the only file that uses PyWavelets."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import InputError, RecipeError

Floats = npt.NDArray[np.float32]

WAVELET: Final = "db6"
LEVEL: Final = 7
"""Depth of the decomposition: structures wider than about 2**LEVEL = 128 pixels are background, at any image size."""

ITERATIONS: Final = 3

DIVISORS: Final = {"weak-high-light": 2.5, "strong-high-light": 2.0}
"""High light: the background of the plane divided by this."""

CEILINGS: Final = {"weak-low-light": 2.5, "medium-low-light": 2.0, "strong-low-light": 1.0}
"""Low light: the background of a copy of the plane cut off at the mean divided by this."""

MODES: Final = ("none", *DIVISORS, *CEILINGS)


def background(data: npt.ArrayLike, mode: str, *, scale: float, mean: float | None = None) -> Floats:
    """Estimate the background of each plane by the published modes (Zhao et al. 2022); the data are not changed.

    Bright objects are pulled down towards a wavelet low-pass (db6, level 7) three times over, so that the low-pass
    slides under them. With f the plane divided by `scale`, the modes estimate the background of

    ======================  ==========================================
    ``none``                nothing: the background is zero
    ``weak-high-light``     f / 2.5
    ``strong-high-light``   f / 2
    ``weak-low-light``      min(f, m / 2.5), with m the mean of f
    ``medium-low-light``    min(f, m / 2)
    ``strong-low-light``    min(f, m)
    ======================  ==========================================

    The level counts in pixels: what is wider than about 128 pixels is background. Each plane is continued beyond its
    borders by its mirror image, so that level 7 is valid at every size and a crop has the background of the whole;
    a plane much smaller than 128 pixels has nearly a constant.

    Parameters
    ----------
    data : array_like, shape (..., Y, X)
        Finite pixel values; leading axes are treated plane by plane.
    mode : str
        One of the names above.
    scale : float
        Maximum of the whole set of images (not of this block), in the units of `data`; > 0.
    mean : float, optional
        Mean of the whole set, in the units of `data`; used by the low-light modes. Default: the mean of `data`.

    Returns
    -------
    ndarray of float32, shape (..., Y, X)
        Background in the units of `data`, to be subtracted by the caller.

    Raises
    ------
    RecipeError
        If the mode is not known.
    InputError
        If there are no planes, a value is not finite, or `scale` is not positive.

    References
    ----------
    Zhao, W. et al. Nature Biotechnology 40, 606-617 (2022), doi 10.1038/s41587-021-01092-2, supplementary notes.
    Galloway, C. M., Le Ru, E. C., Etchegoin, P. G. Applied Spectroscopy 63, 1370-1376 (2009), the iteration's origin.

    Examples
    --------
    >>> import numpy as np
    >>> background(np.full((33, 50), 100.0), "strong-high-light", scale=100.0)[0, 0].round(3)
    np.float32(50.0)
    """
    if mode not in MODES:
        raise RecipeError(f"background = {mode!r} is not allowed: one of {', '.join(MODES)}")
    array = np.asarray(data)
    if array.ndim < 2 or array.size == 0:
        raise InputError(
            f"an array of shape {array.shape} has no planes; the background needs axes (…, Y, X), none empty"
        )
    result = np.zeros(array.shape, np.float32)
    if mode == "none":
        return result
    if not (np.isfinite(scale) and scale > 0):
        raise InputError(
            f"scale = {scale!r} for the background: it must be the maximum of the images and positive; "
            "an image without positive pixels takes background='none'"
        )
    level = float(np.mean(array, dtype=np.float64)) if mean is None else float(mean)
    planes = array.reshape(-1, *array.shape[-2:])
    for plane, out in zip(planes, result.reshape(planes.shape), strict=True):
        if not np.isfinite(plane).all():
            raise InputError("pixels that are not finite have no background; replace them first: hot_pixels='adaptive'")
        scaled = np.divide(plane, scale, dtype=np.float64).astype(np.float32)
        np.multiply(_slide_under(_dimmed(scaled, mode, level / scale)), np.float32(scale), out=out)
    return result


def _dimmed(plane: Floats, mode: str, mean: float) -> Floats:
    """Return what the estimator is shown of a plane, by the published definition of the mode."""
    if mode in DIVISORS:
        return plane / np.float32(DIVISORS[mode])
    return np.minimum(plane, np.float32(mean / CEILINGS[mode]))


def _slide_under(plane: Floats) -> Floats:
    """Low-pass of the plane after its bright objects were pulled down three times; values are about <= 1."""
    pulled = plane.copy()
    for _ in range(ITERATIONS):
        margin = np.sqrt(np.abs(pulled))
        margin *= np.float32(0.5)
        margin += _low_pass(pulled)
        np.copyto(pulled, margin, where=plane > margin)
    return _low_pass(pulled)


def _low_pass(plane: Floats) -> Floats:
    """Keep only the approximation coefficients of the mirror-continued plane.

    Analysis and synthesis are linear and separable and the coefficients are few (Y/128 + 11 by X/128 + 11), so two
    thin matrices for each axis do the whole decomposition: no extended copy of the plane is ever made.
    """
    down_y, up_y = _level_matrices(plane.shape[0])
    down_x, up_x = _level_matrices(plane.shape[1])
    coefficients = (down_y @ plane) @ down_x.T
    return np.asarray((up_y @ coefficients) @ up_x.T)


@lru_cache(maxsize=8)
def _level_matrices(length: int) -> tuple[Floats, Floats]:
    """Analysis (coefficients, length) and synthesis (length, coefficients) along one axis at LEVEL.

    The wavelet is orthogonal, so both hold the same filter h: coefficient k is the sum over i of
    h[i] x[o + 2**LEVEL k - i] with o = 2**LEVEL - 1 (PyWavelets' phase), and synthesis is its transpose. Positions
    beyond the borders are folded back by half-sample mirroring for the analysis and left out of the synthesis.
    """
    low_pass = _cascade()
    step = 2**LEVEL
    # every k whose support [o + step k - len(h) + 1, o + step k] meets [0, length): from k = 0 on, as o < step
    count = -(-(length + len(low_pass) - step) // step)
    position = (step - 1) + step * np.arange(count)[:, None] - np.arange(len(low_pass))[None, :]
    folded = position % (2 * length)
    folded = np.minimum(folded, 2 * length - 1 - folded)
    row = np.broadcast_to(np.arange(count)[:, None], position.shape)
    weight = np.broadcast_to(low_pass, position.shape)
    down = np.zeros((count, length))
    np.add.at(down, (row, folded), weight)
    inside = (position >= 0) & (position < length)
    up = np.zeros((length, count))
    up[position[inside], row[inside]] = weight[inside]
    return down.astype(np.float32), up.astype(np.float32)


@lru_cache(maxsize=1)
def _cascade() -> npt.NDArray[np.float64]:
    """Filter that leads from the samples to the approximation coefficients of LEVEL in one step."""
    import pywt

    taps = np.asarray(pywt.Wavelet(WAVELET).dec_lo)
    total: npt.NDArray[Any] = np.ones(1)
    for level in range(LEVEL):
        spread = np.zeros((len(taps) - 1) * 2**level + 1)
        spread[:: 2**level] = taps
        total = np.convolve(total, spread)
    return total

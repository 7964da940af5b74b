"""Error map of a result against the image it was made from, in the manner of SQUIRREL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

from ..errors import InputError

Floats = npt.NDArray[np.float32]

WIDEST_PX: Final = 12.0
"""Largest standard deviation of the Gaussian that is tried."""


@dataclass(frozen=True)
class ErrorMap:
    """Best match of a re-blurred result to the data.

    Attributes
    ----------
    rsp : float
        Resolution-scaled Pearson correlation, -1 to 1; 1 is a perfect match.
    rse : float
        Resolution-scaled (root-mean-square) error, in the unit of the data.
    sigma_px : float
        Standard deviation of the Gaussian that turns the result into the data best.
    scale, offset : float
        Affine part of the match.
    error : array
        Data less match, in the unit of the data; SQUIRREL shows its modulus.
    """

    rsp: float
    rse: float
    sigma_px: float
    scale: float
    offset: float
    error: Floats


def error_map(
    result: npt.NDArray[np.floating], data: npt.NDArray[np.floating], *, widest_px: float = WIDEST_PX
) -> ErrorMap:
    """Blur, scale and shift a result so that it matches the data best, and return what is left.

    Meaning: where result and data contradict each other at the resolution of the data. Blind spot: whatever the blur
    wipes out, such as false detail finer than the PSF; noise lowers RSP even where all is right; and the free width
    forgives a result made with a wrong PSF.

    Parameters
    ----------
    result, data : array of one shape, (Y, X)
        Any unit.
    widest_px : float
        Largest standard deviation of the Gaussian that is tried.

    Notes
    -----
    Culley et al., Nat. Methods 15, 263 (2018). The width is found by Brent's bounded search, scale and offset by least
    squares.

    Examples
    --------
    >>> data = np.random.default_rng(0).random((64, 64))
    >>> found = error_map(2 * data + 3, data)
    >>> round(found.rsp, 6), round(found.scale, 3)
    (1.0, 0.5)
    """
    if result.shape != data.shape or data.ndim != 2:
        raise InputError(f"result {result.shape} and data {data.shape}: allowed are two planes (Y, X) of one shape")
    values, goal = np.asarray(result, np.float32), np.asarray(data, np.float64)
    found = optimize.minimize_scalar(
        lambda sigma: _match(values, goal, float(sigma))[0],
        bounds=(0.0, widest_px),
        method="bounded",
        options={"xatol": 0.02},
    )
    sigma = float(found.x)
    if _match(values, goal, 0.0)[0] <= float(found.fun):
        sigma = 0.0
    rse, scale, offset, blurred = _match(values, goal, sigma)
    error = goal - (scale * blurred + offset)
    spread = float(blurred.std() * goal.std())
    rsp = float(((blurred - blurred.mean()) * (goal - goal.mean())).mean() / spread) if spread > 0 else 0.0
    return ErrorMap(rsp, rse, sigma, scale, offset, error.astype(np.float32))


def _match(values: Floats, goal: npt.NDArray[np.float64], sigma: float) -> tuple[float, float, float, Floats]:
    """Root-mean-square error, scale, offset and the blurred result for one width."""
    blurred = ndimage.gaussian_filter(values, sigma) if sigma > 0.05 else values
    v, g = blurred.astype(np.float64), goal
    power = float(v.var())
    scale = float(((v - v.mean()) * (g - g.mean())).mean()) / power if power > 0 else 0.0
    offset = float(g.mean() - scale * v.mean())
    return float(np.sqrt(np.mean((g - scale * v - offset) ** 2))), scale, offset, blurred

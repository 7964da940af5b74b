"""Finer sampling of the same field of view by a whole factor: band-limited, registered, without wrap-around."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import InputError, RecipeError

Floats = npt.NDArray[np.float32]

LARGEST_FACTOR = 16


def upsample(data: npt.ArrayLike, factor: int) -> Floats:
    """Sample each plane `factor` times finer in y and x; pixel values keep their level and the mean is kept exactly.

    Pixels are areas: the output covers the same field of view, and its pixel j has its centre at input coordinate
    (j + 0.5) / factor - 0.5, so the pixel size is divided by `factor` and every position in µm stays. The plane is
    continued beyond its borders by its mirror image (half-sample symmetric) and interpolated by trigonometric
    polynomials, which is zero-padding of its discrete cosine transform: there is no wrap-around, no unpaired Nyquist
    term, and any size will do.

    Parameters
    ----------
    data : array_like, shape (..., Y, X)
        Finite pixel values; leading axes are treated plane by plane.
    factor : int
        How many times finer, 1 to 16; 1 returns a copy.

    Returns
    -------
    ndarray of float32, shape (..., factor * Y, factor * X)
        Values at the new pixel centres. Their mean is the input's, so their sum is factor**2 times the input's.
        Where the input is under-sampled or noisy, values may overshoot and fall below its minimum.

    Raises
    ------
    RecipeError
        If the factor is not a whole number from 1 to 16.
    InputError
        If there are no planes or a value is not finite.

    Notes
    -----
    With N input pixels and X[k] their DCT-II, the plane is x(t) = sum over k < N of c_k X[k] cos(pi k (t + 1/2) / N);
    at t = (j + 1/2) / factor - 1/2 this is the inverse DCT-II of length factor * N of the zero-padded X.

    Examples
    --------
    >>> import numpy as np
    >>> fine = upsample(np.array([[1.0, 1.0], [3.0, 3.0]]), 2)
    >>> fine.shape, float(fine.mean())
    ((4, 4), 2.0)
    """
    _check(factor)
    array = np.asarray(data)
    if array.ndim < 2 or array.size == 0:
        raise InputError(f"an array of shape {array.shape} has no planes; up-sampling needs axes (…, Y, X), none empty")
    if factor == 1:
        return np.array(array, dtype=np.float32)
    from scipy import fft

    *lead, height, width = array.shape
    result = np.empty((*lead, factor * height, factor * width), np.float32)
    for plane, out in zip(array.reshape(-1, height, width), result.reshape(-1, *result.shape[-2:]), strict=True):
        if not np.isfinite(plane).all():
            raise InputError("pixels that are not finite cannot be up-sampled; replace them: hot_pixels='adaptive'")
        # norm="forward" divides by the number of samples on the way in, so the level does not depend on their number
        coefficients = fft.dctn(np.asarray(plane, np.float32), norm="forward")
        out[:] = fft.idctn(coefficients, s=out.shape, norm="forward", overwrite_x=True)
    return result


def insert_zeros(plane: Floats, factor: int) -> Floats:
    """Put each pixel, times ``factor**2``, at the middle of its fine pixels and zeros around it, as published.

    The mean is kept. For even factors the middle is half a fine pixel off towards the origin: `upsample` and the
    second stage's model are registered, this is not.

    Parameters
    ----------
    plane : array, shape (Y, X)
        Pixel values.
    factor : int
        How many times finer, 1 to 16.

    Returns
    -------
    ndarray of float32, shape (factor * Y, factor * X)
        Mostly zeros, for a deconvolution to fill.

    Raises
    ------
    RecipeError
        If the factor is not a whole number from 1 to 16.

    Examples
    --------
    >>> import numpy as np
    >>> insert_zeros(np.array([[1.0, 2.0]], np.float32), 2).tolist()
    [[4.0, 0.0, 8.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    _check(factor)
    fine = np.zeros((plane.shape[0] * factor, plane.shape[1] * factor), np.float32)
    first = (factor - 1) // 2
    fine[first::factor, first::factor] = plane * np.float32(factor**2)
    return fine


def _check(factor: int) -> None:
    if isinstance(factor, bool) or not isinstance(factor, int | np.integer) or not 1 <= factor <= LARGEST_FACTOR:
        raise RecipeError(f"upsample = {factor!r} is not allowed: a whole number from 1 to {LARGEST_FACTOR}")

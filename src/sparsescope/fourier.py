"""The power spectrum of a plane, summed over rings of equal frequency."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft as sfft

from .errors import InputError

Doubles = npt.NDArray[np.float64]

AXIS_WIDTH = 1.5
"""Frequencies within so many steps of either axis are left out: rows, columns and borders put their power there."""


@dataclass(frozen=True)
class Rings:
    """Sums of a windowed Fourier transform over rings one step wide.

    Attributes
    ----------
    frequency : array
        Centre of each ring in cycles per pixel, from 0 to the corner of the spectrum (0.7).
    count : array
        Number of frequencies in each ring.
    amplitude, power : array
        Sums of the modulus and of its square; white noise of variance 1 has a mean power of 1.
    """

    frequency: Doubles
    count: Doubles
    amplitude: Doubles
    power: Doubles


def as_plane(plane: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return a plane as floats of mean 0 between -1 and 1; what is not finite becomes the mean of the others.

    Raises
    ------
    InputError
        If the array has not two axes, is empty, or does not hold real numbers.

    Examples
    --------
    >>> as_plane([[1, 3], [np.nan, np.inf]])
    array([[-1.,  1.], [ 0.,  0.]], dtype=float32)
    """
    array = _checked(plane)
    values = array.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.float32)
    values /= np.abs(values, where=finite, out=np.zeros_like(values)).max() or 1.0  # so that no sum overflows
    values = np.where(finite, values - values[finite].mean(), 0.0)
    return (values / (np.abs(values).max() or 1.0)).astype(np.float32)


def _checked(plane: npt.ArrayLike) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.asarray(plane)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "buif":
        raise InputError(
            f"resolution is measured on a plane (Y, X) of real numbers, not on shape {array.shape} of {array.dtype}: "
            "pass one plane of one channel"
        )
    return array


def most_varied_part(plane: npt.ArrayLike, side: int = 512) -> npt.NDArray[Any]:
    """Return the part of a plane, at most `side` pixels wide and high, whose values vary most.

    Raises
    ------
    InputError
        If the array has not two axes, is empty, or does not hold real numbers.

    Examples
    --------
    >>> most_varied_part(np.ones((2000, 300))).shape
    (512, 300)
    """
    array = _checked(plane)
    if max(array.shape) <= side:
        return array
    thin = as_plane(array[::8, ::8])
    corners = [sorted({*range(0, max(n - side, 0) + 1, side // 2), max(n - side, 0)}) for n in array.shape]
    spread = {(y, x): _spread(thin[y // 8 : (y + side) // 8, x // 8 : (x + side) // 8]) for y, x in product(*corners)}
    y, x = max(spread, key=lambda corner: spread[corner])
    return array[y : y + side, x : x + side]


def _spread(values: npt.NDArray[np.float32]) -> float:
    return float(values.std()) if values.size else 0.0


def rings(plane: npt.NDArray[np.floating]) -> Rings:
    """Sum the spectrum of a plane over rings.

    Parameters
    ----------
    plane : array of float, (Y, X)
        Finite values, 2 pixels wide or more.

    Returns
    -------
    Rings
        Ring number times 1 / (length of the shorter side) is its frequency. The plane is tapered by a Hann window
        after its mean under the window is taken away.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 3, (128, 128))
    >>> summed = rings(noise)
    >>> round(float(summed.power.sum() / summed.count.sum()))
    9
    """
    height, width = plane.shape
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]).astype(np.float32)
    mean = float((plane * window).sum(dtype=np.float64) / window.sum(dtype=np.float64))
    spectrum = sfft.rfft2((plane - mean).astype(np.float32) * window)
    power = (spectrum.real**2 + spectrum.imag**2) / float(np.square(window).sum(dtype=np.float64))
    fy, fx = np.abs(sfft.fftfreq(height))[:, None], sfft.rfftfreq(width)[None]
    side = min(height, width)
    number = np.rint(np.hypot(fy, fx) * side).astype(np.intp)
    keep = (fy * height > AXIS_WIDTH) & (fx * width > AXIS_WIDTH)
    number, power = number[keep], power[keep]
    length = int(np.ceil(side * np.sqrt(0.5))) + 1

    def total(values: npt.NDArray[np.floating] | None) -> Doubles:  # each frequency stands for its conjugate as well
        return 2 * np.bincount(number, values, minlength=length).astype(np.float64)

    return Rings(np.arange(length) / side, total(None), total(np.sqrt(power)), total(power))

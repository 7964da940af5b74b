"""Whether twice the light gives twice the value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import InputError

Floats = npt.NDArray[np.float32]

LEAST = 0.02
"""Pixels below this part of the largest value are not looked at: ratios of nothing are noise."""
DIM: Final = 0.2
"""Pixels between `LEAST` and this part of the largest value are the dim ones."""


@dataclass(frozen=True)
class Linearity:
    """Exponent γ of result ∝ lightᵞ.

    Attributes
    ----------
    exponent : float
        Of all pixels with structure, weighted by their value; 1 is linear.
    dim_exponent : float or None
        Of the dim ones alone: well above 1 means that dim structures are pushed down; None where there are none.
    deviation_percent : float
        Root-mean-square difference from proportionality, in percent of the root-mean-square value.
    """

    exponent: float
    dim_exponent: float | None
    deviation_percent: float


def linearity(
    reconstruct: Callable[[Floats], npt.NDArray[np.floating]], light: npt.NDArray[np.floating], factor: float = 0.5
) -> Linearity:
    """Reconstruct an image at less light and compare with proportionality.

    Meaning: whether brightnesses in the result can be compared: an exponent of 1 says that half the light gives half
    the value everywhere. Blind spot: noise is scaled with the light, so that this is the method's own linearity, not
    that of a dimmer exposure; saturation and the camera's non-linearity are not seen.

    Parameters
    ----------
    reconstruct : callable
        Takes and returns counts above the background, with every parameter and scale frozen.
    light : array
        Counts above the background, of the shape that `reconstruct` takes.
    factor : float
        By which the light is multiplied; > 0, not 1.

    Examples
    --------
    >>> light = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    >>> linearity(lambda x: 3 * x, light)
    Linearity(exponent=1.0, dim_exponent=1.0, deviation_percent=0.0)
    >>> round(linearity(lambda x: x**2, light).exponent, 3)
    2.0
    """
    if not factor > 0 or factor == 1:
        raise InputError(f"factor = {factor!r}: allowed is a number above 0 other than 1")
    light = np.asarray(light, np.float32)
    full = np.asarray(reconstruct(light), np.float64)
    part = np.asarray(reconstruct(light * np.float32(factor)), np.float64)
    top = float(full.max())
    structure = full > LEAST * top
    if not top > 0:
        return Linearity(1.0, None, 0.0)
    power = float(np.sqrt(np.mean(full[structure] ** 2)))
    deviation = float(np.sqrt(np.mean((part[structure] / factor - full[structure]) ** 2))) / power

    def exponent(where: npt.NDArray[np.bool_]) -> float:
        ratio = max(float(part[where].sum()), 1e-12 * top) / float(full[where].sum())
        return round(float(np.log(ratio) / np.log(factor)), 6)

    dim = structure & (full < DIM * top)
    return Linearity(exponent(structure), exponent(dim) if dim.any() else None, round(100 * deviation, 4))

"""Nodes and weights of Gauss and Legendre on the interval from 0 to 1."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_PANEL = 128
"""Most nodes of one panel: finding them takes the cube of their number."""


@lru_cache(maxsize=128)
def gauss_legendre(count: int) -> tuple[Doubles, Doubles]:
    """Return nodes and weights on 0 to 1, at least `count` of them; above 128 in equal panels, a fifth more of them.

    Examples
    --------
    >>> at, weight = gauss_legendre(3)
    >>> bool(np.isclose(weight @ at**5, 1 / 6))
    True
    """
    panels = 1 if count <= _PANEL else -(-6 * count // (5 * _PANEL))
    at, weight = np.polynomial.legendre.leggauss(count if panels == 1 else _PANEL)
    nodes = ((np.arange(panels)[:, None] + (at + 1) / 2) / panels).ravel()
    weights = np.tile(weight / (2 * panels), panels)
    for array in (nodes, weights):
        array.flags.writeable = False
    return nodes, weights

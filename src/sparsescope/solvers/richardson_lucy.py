"""Richardson–Lucy deconvolution of a plane, accelerated by vector extrapolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..engines import Blur, Float32Array

FLOOR = np.float32(1e-6)
"""Smallest value of an estimate or of a denominator, on data whose maximum is about 1."""


@dataclass
class _State:
    data: Float32Array
    y: Float32Array
    x: Float32Array
    change: Float32Array | None = None


@dataclass(frozen=True)
class RichardsonLucy:
    """Multiplicative maximum-likelihood iteration with Biggs–Andrews acceleration, as published.

    ``x⁺ = max(y · Hᵀ(f / (H y + b)), ε)``, ``v = max(x⁺ − y, ε)``, ``α = ⟨v₋, v⟩/⟨v₋, v₋⟩`` clipped to [ε, 1] and
    ``y⁺ = max(x⁺ + α (x⁺ − x), ε)``, with α = 0 in the first iteration; y is the result. With b = 0 and H of unit sum
    on a mirror-symmetric domain every x has the sum of the data but for what the floor ε adds.

    Parameters
    ----------
    blur : Blur
        H: a symmetric PSF of unit sum on a mirror-symmetric plane, its own adjoint.
    iterations : int
        Iterations to take.
    background : array, shape (Y, X), optional
        b, what the blurred object is added to.

    References
    ----------
    Richardson, JOSA 62, 55 (1972); Lucy, Astron. J. 79, 745 (1974); Biggs & Andrews, Appl. Opt. 36, 1766 (1997).
    """

    blur: Blur
    iterations: int
    background: Float32Array | None = None

    chunk: int = 10

    @property
    def limit(self) -> int:
        """Iterations to take."""
        return self.iterations

    def init(self, data: Float32Array) -> _State:
        """Start from the data less the background."""
        data = np.maximum(data, FLOOR)
        start = data if self.background is None else np.maximum(data - self.background, FLOOR)
        return _State(data, start, start)

    def step(self, state: _State, count: int) -> None:
        """Take `count` iterations."""
        for _ in range(count):
            expected = self.blur(state.y)
            if self.background is not None:
                expected += self.background
            np.maximum(expected, FLOOR, out=expected)
            np.divide(state.data, expected, out=expected)
            x = self.blur(expected)
            x *= state.y
            np.maximum(x, FLOOR, out=x)
            change = x - state.y
            np.maximum(change, FLOOR, out=change)
            alpha = np.float32(0) if state.change is None else extrapolation(state.change, change)
            y = x - state.x
            y *= alpha
            y += x
            np.maximum(y, FLOOR, out=y)
            state.x, state.y, state.change = x, y, change

    def done(self, state: _State) -> bool:
        """Return False: the iteration count is the regulariser, there is no stopping rule."""
        return False

    def finish(self, state: _State) -> Float32Array:
        """Return the extrapolated estimate."""
        return state.y


def extrapolation(before: Float32Array, now: Float32Array) -> np.float32:
    """Step length ⟨before, now⟩/⟨before, before⟩, at least 1e-6 and at most 1, summed row by row in float64.

    Examples
    --------
    >>> import numpy as np
    >>> float(extrapolation(np.full((2, 2), 2.0, np.float32), np.ones((2, 2), np.float32)))
    0.5
    """
    along = np.einsum("ij,ij->i", before, now).sum(dtype=np.float64)
    square = np.einsum("ij,ij->i", before, before).sum(dtype=np.float64)
    return np.float32(min(1.0, max(float(FLOOR), along / max(square, 1e-30))))

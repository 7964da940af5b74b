"""Landweber deconvolution of a plane: projected gradient with Nesterov's momentum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..engines import Blur, Float32Array


@dataclass
class _State:
    data: Float32Array
    x: Float32Array
    y: Float32Array
    t: float = 1.0


@dataclass(frozen=True)
class Landweber:
    """Least squares under x ≥ 0 by accelerated projected gradient.

    ``x⁺ = max(0, y + Hᵀ(f − b − H y))``, ``t⁺ = (1 + √(1 + 4t²))/2``, ``y⁺ = x⁺ + (t − 1)/t⁺ · (x⁺ − x)``: the step 1
    is right because a PSF of unit sum has ‖H‖ = 1, and the error of the objective falls as 2/k².

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
    Landweber, Am. J. Math. 73, 615 (1951); Nesterov, Sov. Math. Dokl. 27, 372 (1983); Beck & Teboulle, SIAM J. Imaging
    Sci. 2, 183 (2009).
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
        """Start from the data less the background, cut at zero."""
        data = data if self.background is None else data - self.background
        start = np.maximum(data, 0)
        return _State(data, start, start)

    def step(self, state: _State, count: int) -> None:
        """Take `count` iterations."""
        for _ in range(count):
            residual = self.blur(state.y)
            np.subtract(state.data, residual, out=residual)
            x = self.blur(residual)
            x += state.y
            np.maximum(x, 0, out=x)
            t = (1 + math.sqrt(1 + 4 * state.t**2)) / 2
            y = x - state.x
            y *= np.float32((state.t - 1) / t)
            y += x
            state.x, state.y, state.t = x, y, t

    def done(self, state: _State) -> bool:
        """Return False: the iteration count is the regulariser, there is no stopping rule."""
        return False

    def finish(self, state: _State) -> Float32Array:
        """Return the estimate, which is not negative."""
        return state.x

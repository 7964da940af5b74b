"""Least squares with the L1 norm under x ≥ 0, any linear model: the strongest prior, isolated points."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass
class _State:
    data: Doubles
    x: Doubles
    y: Doubles
    t: float = 1.0


@dataclass(frozen=True)
class SparsePoints:
    """Minimise ``½‖A x − f‖² + w Σ x`` under x ≥ 0 by accelerated projected gradient.

    Parameters
    ----------
    forward, adjoint : callable
        A and Aᵀ.
    step_length : float
        1 / ‖A‖² or less.
    weight : float
        w; a pixel stays zero until the data pull at it with more than w.
    iterations : int
        Iterations to take.

    References
    ----------
    Beck & Teboulle, SIAM J. Imaging Sci. 2, 183 (2009); restart: O'Donoghue & Candès, Found. Comput. Math. 15, 715
    (2015).
    """

    forward: Callable[[Doubles], Doubles]
    adjoint: Callable[[Doubles], Doubles]
    step_length: float
    weight: float
    iterations: int

    chunk: int = 25

    @property
    def limit(self) -> int:
        """Iterations to take."""
        return self.iterations

    def init(self, data: Doubles) -> _State:
        """Start from nothing."""
        start = np.zeros_like(self.adjoint(data))
        return _State(data, start, start)

    def step(self, state: _State, count: int) -> None:
        """Take `count` iterations."""
        for _ in range(count):
            gradient = self.adjoint(self.forward(state.y) - state.data) + self.weight
            x = np.maximum(state.y - self.step_length * gradient, 0)
            if float(np.vdot(state.y - x, x - state.x)) > 0:
                state.t = 1.0
            t = (1 + math.sqrt(1 + 4 * state.t**2)) / 2
            state.y = x + (state.t - 1) / t * (x - state.x)
            state.x, state.t = x, t

    def done(self, state: _State) -> bool:
        """Return False: it runs its iterations."""
        return False

    def finish(self, state: _State) -> Doubles:
        """Return the estimate, which is not negative and has exact zeros."""
        return state.x

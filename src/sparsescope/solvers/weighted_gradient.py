"""Least squares under x ≥ 0 with all measured frequencies made to count alike: far faster than Richardson–Lucy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .spectral import Response

Doubles = npt.NDArray[np.float64]


@dataclass
class _State:
    data: Doubles
    x: Doubles
    y: Doubles
    t: float = 1.0


@dataclass(frozen=True)
class WeightedGradient:
    """Minimise ``½‖W^½(H x − f)‖²`` under x ≥ 0, ``W = 1/(|H|² + ε)``, by accelerated projected gradient.

    The weights undo the fall of the transfer function, so that the condition is that of a low-pass alone; without
    noise that changes the way to the solution, not the solution. With noise it would amplify it: ε is then the inverse
    of the signal-to-noise ratio squared. The step 1 is right because W |H|² ≤ 1.

    Parameters
    ----------
    response : Response
        H.
    iterations : int
        Iterations to take.
    epsilon : float
        ε.

    References
    ----------
    Beck & Teboulle, SIAM J. Imaging Sci. 2, 183 (2009); restart: O'Donoghue & Candès, Found. Comput. Math. 15, 715
    (2015).
    """

    response: Response
    iterations: int
    epsilon: float = 1e-8

    chunk: int = 25

    @property
    def limit(self) -> int:
        """Iterations to take."""
        return self.iterations

    def init(self, data: Doubles) -> _State:
        """Start from the data, cut at zero."""
        start = np.maximum(data, 0)
        return _State(data, start, start)

    def step(self, state: _State, count: int) -> None:
        """Take `count` iterations."""
        for _ in range(count):
            residual = state.data - self.response(state.y)
            x = np.maximum(state.y + self.response.weighted_adjoint(residual, self.epsilon), 0)
            if float(np.vdot(state.y - x, x - state.x)) > 0:
                state.t = 1.0
            t = (1 + math.sqrt(1 + 4 * state.t**2)) / 2
            state.y = x + (state.t - 1) / t * (x - state.x)
            state.x, state.t = x, t

    def done(self, state: _State) -> bool:
        """Return False: it runs its iterations."""
        return False

    def finish(self, state: _State) -> Doubles:
        """Return the estimate, which is not negative."""
        return state.x

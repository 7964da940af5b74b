"""The exact finish of a sparse recovery: dense least squares on the pixels that are not zero, in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from .spectral import Response

Doubles = npt.NDArray[np.float64]


@dataclass
class _State:
    data: Doubles
    passive: npt.NDArray[np.bool_]
    x: Doubles
    settled: bool = False


@dataclass(frozen=True)
class ActiveSetFinish:
    """Non-negative least squares from a guess of its support, by blocks of pixels that leave or enter.

    Each step solves ``min ‖W^½(H x − f)‖²`` over the pixels of the support by an orthogonal factorisation. Pixels that
    come out negative leave; when none does, pixels outside with a positive gradient enter. Where nothing changes, the
    conditions of Karush, Kuhn and Tucker hold, and this is the solution.

    Parameters
    ----------
    response : Response
        H.
    guess : array, shape (Y, X)
        A near estimate; its support is where it exceeds `threshold` of its maximum.
    threshold : float
        Part of the guess's maximum.
    epsilon : float
        ε of the weights ``1/(|H|² + ε)``; frequencies with ``|H|² < ε`` are not used.
    limit : int
        Steps at most.
    tolerance : float
        Gradient above which a pixel enters, as a part of that of the data.
    largest : int
        Pixels in the support at most; a dense matrix of that many columns has to be held and factorised.

    References
    ----------
    Lawson & Hanson, Solving Least Squares Problems (1974), chapter 23; Portugal, Júdice & Vicente, Math. Comput. 63,
    625 (1994) for the exchange of blocks.
    """

    response: Response
    guess: Doubles
    threshold: float = 1e-2
    epsilon: float = 1e-12
    limit: int = 60
    tolerance: float = 1e-9
    largest: int = 2500

    chunk: int = 1

    def init(self, data: Doubles) -> _State:
        """Start from the support of the guess: the brightest pixels, where they are too many."""
        least = self.threshold * float(self.guess.max())
        if np.count_nonzero(self.guess > least) > self.largest:
            least = float(np.partition(self.guess.ravel(), -self.largest)[-self.largest])
        return _State(data, self.guess > least, np.maximum(self.guess, 0).astype(np.float64))

    def step(self, state: _State, count: int) -> None:
        """Take `count` steps: one dense solve each."""
        measured = self.response.measured(state.data, self.epsilon)
        for _ in range(count):
            matrix = self.response.columns(state.passive, self.epsilon)
            values = linalg.lstsq(matrix, measured, lapack_driver="gelsy", check_finite=False)[0]
            state.x = np.zeros(self.response.shape)
            state.x[state.passive] = values
            if (values < 0).any():
                state.passive = state.x > 0
                state.x = np.maximum(state.x, 0)
                continue
            gradient = self.response.weighted_adjoint(state.data - self.response(state.x), self.epsilon)
            scale = float(np.abs(self.response.weighted_adjoint(state.data, self.epsilon)).max())
            entering = ~state.passive & (gradient > self.tolerance * scale)
            state.settled = not bool(entering.any()) or int(np.count_nonzero(state.passive | entering)) > self.largest
            if not state.settled:
                state.passive = state.passive | entering

    def done(self, state: _State) -> bool:
        """Whether no pixel leaves or enters any more."""
        return state.settled

    def finish(self, state: _State) -> Doubles:
        """Return the solution."""
        return state.x

"""Landweber deconvolution in any number of dimensions: projected gradient with Nesterov's momentum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..engines import Float32Array
from .data_term import DataTerm, first_estimate


@dataclass
class _State:
    """x and the estimate before it; y, the point of the next step, is x continued from `before` by `momentum`."""

    data: Float32Array
    x: Float32Array
    before: Float32Array
    momentum: float = 0.0
    t: float = 1.0


@dataclass(frozen=True)
class Landweber:
    """Least squares under x ≥ 0 by accelerated projected gradient.

    ``x⁺ = max(0, y + W Hᵀm(f − b − H y))``, ``t⁺ = (1 + √(1 + 4t²))/2``, ``y⁺ = x⁺ + (t − 1)/t⁺ · (x⁺ − x)`` with the
    steps W = 1 / Hᵀm: voxels that the data see less take longer ones, and far from borders W is 1 for a PSF of unit
    sum. They are right because no row of H has a sum above 1, so ‖W½ Hᵀ m H W½‖ ≤ 1 (Gregor & Benson, IEEE Trans. Med.
    Imaging 27, 918, 2008); the error of the objective falls as 2/k².

    Parameters
    ----------
    term : DataTerm
        H and m.
    iterations : int
        Iterations to take.
    background : array, shape of the data, optional
        b, what the blurred object is added to.
    start : array, shape of the object's field, optional
        First estimate inside the field; the data less the background when left out. Beyond the field it is continued
        by its border values.

    References
    ----------
    Landweber, Am. J. Math. 73, 615 (1951); Nesterov, Sov. Math. Dokl. 27, 372 (1983); Beck & Teboulle, SIAM J. Imaging
    Sci. 2, 183 (2009).
    """

    term: DataTerm
    iterations: int
    background: Float32Array | None = None
    start: Float32Array | None = None

    chunk: int = 10

    @property
    def limit(self) -> int:
        """Iterations to take."""
        return self.iterations

    def init(self, data: Float32Array) -> _State:
        """Start from the data less the background, cut at zero."""
        x = self.term.first(first_estimate(data, self.background, self.start))
        np.maximum(x, 0, out=x)
        net = data if self.background is None else data - self.background
        return _State(net, x, x.copy())

    def step(self, state: _State, count: int) -> None:
        """Take `count` iterations."""
        for _ in range(count):
            self._once(state)
            state.x, state.before = state.before, state.x
            t = (1 + math.sqrt(1 + 4 * state.t**2)) / 2
            state.momentum, state.t = (state.t - 1) / t, t
        self.term.imaging.release()

    def _once(self, state: _State) -> None:
        """Put the next x where `before` was."""
        imaging, weights, mask = self.term.imaging, self.term.weights, self.term.mask
        update, momentum = imaging.arithmetic, state.momentum

        def read(part: slice, out: Float32Array) -> None:
            update.extrapolate(state.x[part], state.before[part], momentum, -math.inf, out)

        def turn(part: slice, expected: Float32Array) -> None:
            update.residual(expected, state.data[part], None if mask is None else mask[part])

        def write(part: slice, back: Float32Array) -> None:
            update.descend(
                state.x[part], state.before[part], momentum, back, None if weights is None else weights[part]
            )

        imaging.sandwich(read, turn, write)

    def done(self, state: _State) -> bool:
        """Return False: the iteration count is the regulariser, there is no stopping rule."""
        return False

    def finish(self, state: _State) -> Float32Array:
        """Return the estimate, which is not negative, on the whole domain of the object."""
        return state.x.copy()

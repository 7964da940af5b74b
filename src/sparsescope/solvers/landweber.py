"""Landweber deconvolution in any number of dimensions: projected gradient with Nesterov's momentum."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..engines import Float32Array
from ..engines.parts import Part, Stored, put, taken
from .data_term import DataTerm


@dataclass
class _State:
    """x and the estimate before it; y, the point of the next step, is x continued from `before` by `momentum`."""

    data: Stored
    x: Stored
    before: Stored
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
    background: Stored | None = None
    start: Stored | None = None

    chunk: int = 10

    @property
    def limit(self) -> int:
        """Iterations to take."""
        return self.iterations

    def init(self, data: Stored) -> _State:
        """Start from the data less the background, cut at zero."""
        x = self.term.start(data, self.background, self.start, 0)
        return _State(self.term.net(data, self.background), x, self.term.zeros(x.shape))

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

        def read(part: Part, out: Float32Array) -> None:
            update.extrapolate(taken(state.x, part), taken(state.before, part), momentum, -math.inf, out)

        def turn(part: Part, expected: Float32Array) -> None:
            update.residual(expected, taken(state.data, part), None if mask is None else taken(mask, part) != 0)

        def write(part: Part, back: Float32Array) -> None:
            weight, before = None if weights is None else taken(weights, part), taken(state.before, part)
            update.descend(taken(state.x, part), before, momentum, back, weight)
            put(state.before, part, before)

        imaging.sandwich(read, turn, write)

    def done(self, state: _State) -> bool:
        """Return False: the iteration count is the regulariser, there is no stopping rule."""
        return False

    def finish(self, state: _State) -> Float32Array:
        """Return the estimate, which is not negative, on the whole domain of the object."""
        value: Float32Array = self.term.apart(state.x)
        return value

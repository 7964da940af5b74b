"""Richardson–Lucy deconvolution in any number of dimensions, accelerated by vector extrapolation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..engines import Float32Array
from .data_term import DataTerm, first_estimate

FLOOR = 1e-6
"""Smallest value of an estimate or of a denominator, on data whose maximum is about 1."""


@dataclass
class _State:
    """x and the estimate before it; y, the point of the next step, is x continued from `before` by `alpha`."""

    data: Float32Array
    x: Float32Array
    before: Float32Array
    change: Float32Array
    alpha: float = 0.0
    square: float = 0.0


@dataclass(frozen=True)
class RichardsonLucy:
    """Multiplicative maximum-likelihood iteration with Biggs–Andrews acceleration, as published.

    ``x⁺ = max(y · Hᵀ(m f / max(H y + b, ε)) / Hᵀm, ε)``, ``v = max(x⁺ − y, ε)``, ``α = ⟨v₋, v⟩/⟨v₋, v₋⟩`` clipped to
    [ε, 1] and ``y⁺ = max(x⁺ + α (x⁺ − x), ε)``, with α = 0 in the first iteration and the products ⟨·,·⟩ taken over the
    field; y is the result. With b = 0 every x
    explains the data's sum, Σ m H x = Σ m f, but for what the floor ε adds.

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
    Richardson, JOSA 62, 55 (1972); Lucy, Astron. J. 79, 745 (1974); Biggs & Andrews, Appl. Opt. 36, 1766 (1997).
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
        """Start from the data less the background."""
        x = self.term.first(first_estimate(data, self.background, self.start))
        np.maximum(x, np.float32(FLOOR), out=x)
        return _State(data, x, x.copy(), np.zeros([p.stop - p.start for p in self.term.imaging.field], np.float32))

    def step(self, state: _State, count: int) -> None:
        """Take `count` iterations."""
        for _ in range(count):
            along, square = self._once(state)
            state.x, state.before = state.before, state.x
            state.alpha = step_length(along, state.square) if state.square else 0.0
            state.square = square
        self.term.imaging.release()

    def _once(self, state: _State) -> tuple[float, float]:
        """Put the next x where `before` was; return ⟨v₋, v⟩ and ⟨v, v⟩."""
        imaging, weights, behind = self.term.imaging, self.term.weights, self.background
        update, alpha = imaging.arithmetic, state.alpha
        field, mask = imaging.field, self.term.mask
        rows = math.prod(state.change.shape[1:-1])
        sums = np.empty((2, len(state.change) * rows))

        def read(part: slice, out: Float32Array) -> None:
            update.extrapolate(state.x[part], state.before[part], alpha, FLOOR, out)

        def turn(part: slice, expected: Float32Array) -> None:
            update.ratio(expected, state.data[part], None if behind is None else behind[part], FLOOR)
            if mask is not None:
                expected *= mask[part]

        def write(part: slice, back: Float32Array) -> None:
            weight = None if weights is None else weights[part]
            update.multiply(state.x[part], state.before[part], alpha, FLOOR, back, weight)
            first, last = max(part.start, field[0].start), min(part.stop, field[0].stop)
            if first < last:
                here = slice(first - field[0].start, last - field[0].start)
                corner = tuple(p.start for p in field[1:])
                now = back[first - part.start : last - part.start]
                update.dots(state.change[here], now, corner, sums[:, here.start * rows : here.stop * rows])

        imaging.sandwich(read, turn, write)
        along, square = sums.sum(axis=1)
        return float(along), float(square)

    def done(self, state: _State) -> bool:
        """Return False: the iteration count is the regulariser, there is no stopping rule."""
        return False

    def finish(self, state: _State) -> Float32Array:
        """Return the extrapolated estimate on the whole domain of the object."""
        y = np.empty_like(state.x)
        self.term.imaging.arithmetic.extrapolate(state.x, state.before, state.alpha, FLOOR, y)
        return y


def step_length(along: float, square: float) -> float:
    """Return ⟨v₋, v⟩/⟨v₋, v₋⟩, at least 1e-6 and at most 1.

    Examples
    --------
    >>> step_length(1.0, 2.0), step_length(-1.0, 2.0), step_length(3.0, 2.0)
    (0.5, 1e-06, 1.0)
    """
    return min(1.0, max(FLOOR, along / max(square, 1e-30)))

"""Richardson–Lucy deconvolution in any number of dimensions, accelerated by vector extrapolation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..engines import Float32Array
from ..engines.parts import Part, Stored, put, taken
from .data_term import DataTerm

FLOOR = 1e-6
"""Smallest value of an estimate or of a denominator, on data whose maximum is about 1."""


@dataclass
class _State:
    """x and the estimate before it; y, the point of the next step, is x continued from `before` by `alpha`."""

    data: Stored
    x: Stored
    before: Stored
    change: Stored
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
    background: Stored | None = None
    start: Stored | None = None

    chunk: int = 10

    @property
    def limit(self) -> int:
        """Iterations to take."""
        return self.iterations

    def init(self, data: Stored) -> _State:
        """Start from the data less the background."""
        term = self.term
        x = term.start(data, self.background, self.start, FLOOR)
        return _State(data, x, term.zeros(x.shape), term.zeros(tuple(p.stop - p.start for p in term.imaging.field)))

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
        update, alpha, mask = imaging.arithmetic, state.alpha, self.term.mask
        sums = np.zeros((2, *state.change.shape[:-1]))

        def read(part: Part, out: Float32Array) -> None:
            update.extrapolate(taken(state.x, part), taken(state.before, part), alpha, FLOOR, out)

        def turn(part: Part, expected: Float32Array) -> None:
            data = taken(state.data, part)
            update.ratio(expected, data, None if behind is None else taken(behind, part), FLOOR)
            if mask is not None:
                expected *= mask[part]

        def write(part: Part, back: Float32Array) -> None:
            weight = None if weights is None else taken(weights, part)
            before = taken(state.before, part)
            update.multiply(taken(state.x, part), before, alpha, FLOOR, back, weight)
            put(state.before, part, before)
            self._compare(state, part, back, sums)

        imaging.sandwich(read, turn, write)
        along, square = sums.reshape(2, -1).sum(axis=1)
        return float(along), float(square)

    def _compare(self, state: _State, part: Part, now: Float32Array, sums: npt.NDArray[np.float64]) -> None:
        """Set what of ⟨v₋, v⟩ and ⟨v, v⟩ lies in the part, row by row, and let v be v₋."""
        imaging = self.term.imaging
        field, place = imaging.field, (part,) if isinstance(part, slice) else part
        inside = [(max(p.start, f.start), min(p.stop, f.stop)) for p, f in zip(place, field, strict=False)]
        if any(first >= last for first, last in inside):
            return
        corner = [first - p.start for (first, _), p in zip(inside, place, strict=True)]
        corner += [f.start for f in field[len(place) :]]
        here = tuple(slice(first - f.start, last - f.start) for (first, last), f in zip(inside, field, strict=False))
        now = now[corner[0] : corner[0] + here[0].stop - here[0].start]
        if len(here) == 1:
            imaging.arithmetic.dots(state.change[here], now, tuple(corner[1:]), sums[:, here[0]].reshape(2, -1))
            return
        change = taken(state.change, here)
        rows = np.empty((2, math.prod(change.shape[:-1])))
        imaging.arithmetic.dots(change, now, tuple(corner[1:]), rows)
        put(state.change, here, change)
        sums[:, *here[:-1]] += rows.reshape(2, *change.shape[:-1])

    def done(self, state: _State) -> bool:
        """Return False: the iteration count is the regulariser, there is no stopping rule."""
        return False

    def finish(self, state: _State) -> Float32Array:
        """Return the extrapolated estimate on the whole domain of the object."""
        y: Float32Array = self.term.apart(state.before)
        for part in self.term.parts():
            out, x = taken(y, part), taken(state.x, part)
            self.term.imaging.arithmetic.extrapolate(x, out, state.alpha, FLOOR, out)
            put(y, part, out)
        return y


def step_length(along: float, square: float) -> float:
    """Return ⟨v₋, v⟩/⟨v₋, v₋⟩, at least 1e-6 and at most 1.

    Examples
    --------
    >>> step_length(1.0, 2.0), step_length(-1.0, 2.0), step_length(3.0, 2.0)
    (0.5, 1e-06, 1.0)
    """
    return min(1.0, max(FLOOR, along / max(square, 1e-30)))

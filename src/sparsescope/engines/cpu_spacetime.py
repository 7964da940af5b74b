"""Movies of volumes on the processor engine: the published iteration and the certified optimum, row by row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..operators import hessian_weights
from . import Float32Array, HessianTerms, kernels_spacetime, kernels_spacetime_optimum
from .cpu_volume import Ranges, Rows
from .kernels_spacetime import IDENTITY, LAPLACIAN, PARTIAL, RESIDUAL
from .momentum import Momentum, rms_bound, squared_norm


class _Spacetime(Rows):
    """Rows of a movie of volumes, axes TZYX."""

    def __init__(self, data: Float32Array, terms: HessianTerms, fields: int, ranges: Ranges) -> None:
        super().__init__(data.shape[:3], data.shape[3], fields, ranges)
        self.weights = np.array(list(hessian_weights(terms.continuity, 4, terms.continuity_t).values()), np.float32)

    def each_row(self, kernel: Any, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        sizes = (*self.outer, self.stride)
        self.ranges(self.rows, lambda a, b: kernel(self.memory, *before, sizes, self.width, a, b, *after))


class PublishedSpacetime(_Spacetime):
    """The published iteration on a movie of volumes (see `kernels_spacetime`)."""

    def __init__(
        self, data: Float32Array, terms: HessianTerms, polynomial: tuple[Float32Array, float], ranges: Ranges
    ) -> None:
        super().__init__(data, terms, kernels_spacetime.FIELDS, ranges)
        self.polynomial, self.centre = polynomial[0], np.float32(polynomial[1])
        s = terms.sparsity
        self.fidelity = np.float32(terms.fidelity)
        self.keep, self.s = np.float32(terms.fidelity - s + s * s), np.float32(s)
        self.scales = np.float32(math.sqrt(terms.continuity)), np.float32(math.sqrt(terms.continuity_t))
        self.fill(0, np.float32(terms.fidelity) * data)
        self.fill(1, data)

    def advance(self, count: int) -> None:
        for _ in range(count):
            self.each_row(kernels_spacetime.duals, (), ())
            self.each_row(kernels_spacetime.residual, (), (self.weights, self.keep, self.s))
            self._solve()

    def _solve(self) -> None:
        """Set g ← g + p(L²) residual, by Horner's rule in powers of (L² − centre)."""
        one, zero = np.float32(1), np.float32(0)
        source, c = RESIDUAL, self.polynomial
        for j in range(1, len(c)):
            self.each_row(kernels_spacetime.laplacian, (source, LAPLACIAN), self.scales)
            final = j == len(c) - 1
            cl, ct = (c[-1], -c[-1] * self.centre) if j == 1 else (one, -self.centre)
            target, cg = (1, one) if final else (PARTIAL, zero)
            if source == target:  # what is added is what was there
                source, cg, ct = RESIDUAL, ct, zero
            self.each_row(kernels_spacetime.combine, (source, target), (*self.scales, c[-1 - j], cl, ct, cg))
            source = PARTIAL

    def estimate(self) -> Float32Array:
        return np.maximum(self.field(1), 0)

    def forget(self, hidden: npt.NDArray[np.bool_]) -> None:
        self.field(0)[hidden] = self.fidelity * np.maximum(self.field(1)[hidden], 0)

    def split(self) -> Float32Array:
        v: Float32Array = self.field(1) + self.field(IDENTITY)
        v -= 1
        return np.maximum(v, 0, out=v)


class CertifiedSpacetime(_Spacetime):
    """Dual accelerated gradient on a movie of volumes (see `kernels_spacetime_optimum`)."""

    def __init__(self, data: Float32Array, terms: HessianTerms, ranges: Ranges) -> None:
        super().__init__(data, terms, kernels_spacetime_optimum.FIELDS, ranges)
        self.fidelity = terms.fidelity
        self.over = np.float32(1 / terms.fidelity)
        self.step = np.float32(terms.fidelity / squared_norm(data.ndim))
        self.ones = np.ones_like(self.weights)
        self.rate = Momentum()
        self.sums = np.zeros(self.rows)
        self.fill(0, data - np.float32(terms.sparsity / terms.fidelity))

    def advance(self, count: int) -> None:
        for _ in range(count):
            momentum = np.float32(self.rate.next())
            self._primal(kernels_spacetime_optimum.Q_FIELD)
            self.each_row(kernels_spacetime_optimum.ascend, (), (self.weights, self.step, momentum, self.sums))
            self.rate.restart_if(self.sums.sum() > 0)

    def _primal(self, field: int) -> None:
        self.each_row(kernels_spacetime_optimum.primal, (field,), (self.ones, self.over))

    def estimate(self) -> Float32Array:
        self._primal(kernels_spacetime_optimum.P_FIELD)
        return self.field(1).copy()

    def distance_bound(self) -> float:
        self._primal(kernels_spacetime_optimum.P_FIELD)
        self.each_row(kernels_spacetime_optimum.gap, (), (self.weights, self.sums))
        return rms_bound(float(self.sums.sum()), self.fidelity, self.rows * self.width)

"""Volumes on the processor engine: the published iteration and the certified optimum, pass by pass over rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..operators import hessian_weights
from . import Float32Array, HessianTerms, kernels_optimum, kernels_volume
from .kernels_plane import PAD
from .momentum import Momentum, rms_bound, squared_norm
from .tiles import aligned_zeros, padded

Ranges = Callable[[int, Callable[..., None]], None]
"""``ranges(count, job)`` calls ``job(first, last)`` on parts of `count` rows, several at once."""


class Rows:
    """One flat buffer of fields over a padded grid (…, Y, X), and the passes over its rows.

    Parameters
    ----------
    outer : tuple of int
        Sizes of every axis but x.
    width : int
        Size of x.
    fields : int
        Arrays of that size.
    ranges : callable
        How rows are shared out.
    """

    def __init__(self, outer: tuple[int, ...], width: int, fields: int, ranges: Ranges) -> None:
        self.outer, self.width, self.ranges = outer, width, ranges
        self.stride = padded(width)
        self.rows = math.prod(outer)
        self.memory = aligned_zeros((fields * self.rows + 1) * self.stride)
        self.grid = self.memory[: fields * self.rows * self.stride].reshape(fields, *outer, -1)

    def fill(self, field: int, values: Float32Array) -> None:
        part = self.grid[field]
        part[..., PAD : PAD + self.width] = values
        part[..., PAD - 1] = part[..., PAD]
        part[..., PAD + self.width] = part[..., PAD + self.width - 1]

    def field(self, field: int) -> Float32Array:
        inner: Float32Array = self.grid[field, ..., PAD : PAD + self.width]
        return inner

    def each_row(self, kernel: Any, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        size = (*self.outer, self.stride, self.width)
        self.ranges(self.rows, lambda a, b: kernel(self.memory, *before, *size, a, b, *after))


class _Volume(Rows):
    """Rows of a plane or a volume."""

    def __init__(self, data: Float32Array, fields: int, ranges: Ranges) -> None:
        depth, height, width = data.reshape((-1, *data.shape[-2:])).shape
        super().__init__((depth, height), width, fields, ranges)
        self.ndim = data.ndim

    def field(self, field: int) -> Float32Array:
        inner = super().field(field)
        return inner if self.ndim == 3 else inner[0]


class PublishedVolume(_Volume):
    """The published iteration on a volume (see `kernels_volume`)."""

    def __init__(
        self, data: Float32Array, terms: HessianTerms, polynomial: tuple[Float32Array, float], ranges: Ranges
    ) -> None:
        super().__init__(data, kernels_volume.FIELDS, ranges)
        self.polynomial, self.centre = polynomial[0], np.float32(polynomial[1])
        s = terms.sparsity
        self.fidelity = np.float32(terms.fidelity)
        self.keep, self.s = np.float32(terms.fidelity - s + s * s), np.float32(s)
        self.deep = np.float32(math.sqrt(terms.continuity))
        self.weights = np.array(list(hessian_weights(terms.continuity, 3).values()), np.float32)
        self.fill(0, np.float32(terms.fidelity) * data)
        self.fill(1, data)

    def advance(self, count: int) -> None:
        for _ in range(count):
            self.each_row(kernels_volume.duals, (), ())
            self.each_row(kernels_volume.residual, (), (self.weights, self.keep, self.s))
            self._solve()

    def _solve(self) -> None:
        """Set g ← g + p(L²) residual, by Horner's rule in powers of (L² − centre)."""
        one, zero = np.float32(1), np.float32(0)
        source, c = 10, self.polynomial
        for j in range(1, len(c)):
            self.each_row(kernels_volume.laplacian, (source, 11), (self.deep,))
            final = j == len(c) - 1
            cl, ct = (c[-1], -c[-1] * self.centre) if j == 1 else (one, -self.centre)
            self.each_row(
                kernels_volume.combine,
                (source, 1 if final else 12),
                (self.deep, c[-1 - j], cl, ct, one if final else zero),
            )
            source = 12

    def estimate(self) -> Float32Array:
        return np.maximum(self.field(1), 0)

    def forget(self, hidden: npt.NDArray[np.bool_]) -> None:
        self.field(0)[hidden] = self.fidelity * np.maximum(self.field(1)[hidden], 0)

    def split(self) -> Float32Array:
        v: Float32Array = self.field(1) + self.field(9)
        v -= 1
        return np.maximum(v, 0, out=v)


class CertifiedVolume(_Volume):
    """Dual accelerated gradient on a plane or a volume (see `kernels_optimum`)."""

    def __init__(self, data: Float32Array, terms: HessianTerms, ranges: Ranges) -> None:
        super().__init__(data, kernels_optimum.FIELDS, ranges)
        self.fidelity = terms.fidelity
        self.bounds = np.array(list(hessian_weights(terms.continuity, 3).values()), np.float32)
        self.over = np.float32(1 / terms.fidelity)
        self.step = np.float32(terms.fidelity / squared_norm(data.ndim))
        self.ones = np.ones(6, np.float32)
        self.rate = Momentum()
        self.sums = np.zeros(self.rows)
        self.fill(0, data - np.float32(terms.sparsity / terms.fidelity))

    def advance(self, count: int) -> None:
        for _ in range(count):
            momentum = np.float32(self.rate.next())
            self.each_row(kernels_optimum.primal, (kernels_optimum.Q_FIELD,), (self.ones, self.over))
            self.each_row(kernels_optimum.ascend, (), (self.bounds, self.step, momentum, self.sums))
            self.rate.restart_if(self.sums.sum() > 0)

    def _primal(self) -> None:
        self.each_row(kernels_optimum.primal, (kernels_optimum.P_FIELD,), (self.ones, self.over))

    def estimate(self) -> Float32Array:
        self._primal()
        return self.field(1).copy()

    def distance_bound(self) -> float:
        self._primal()
        self.each_row(kernels_optimum.gap, (), (self.bounds, self.sums))
        return rms_bound(float(self.sums.sum()), self.fidelity, self.rows * self.width)

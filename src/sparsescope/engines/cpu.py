"""The processor engine: fused numba kernels driven by a pool of plain threads."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..operators import hessian_weights, laplacian_bound
from . import (
    Blur,
    Engine,
    Float32Array,
    HessianTerms,
    PublishedIteration,
    kernels_blur,
    kernels_optimum,
    kernels_plane,
    kernels_volume,
)
from .chebyshev import inverse_polynomial
from .compiled import is_kept
from .momentum import Momentum, rms_bound, squared_norm
from .tiles import Tiling, aligned_zeros, padded

STEPS = 5
"""Iterations of one sweep: more need wider halos, fewer pass over memory more often."""

PAD = kernels_plane.PAD

Job = Callable[..., None]
Item = TypeVar("Item")


def available_threads() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="sparsescope")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork, a child needs its own


def run_all(jobs: Iterable[Callable[[], Any]], threads: int) -> None:
    """Run every job to its end, on the pool where there is more than one thread and job; stop at the first error."""
    jobs = list(jobs)
    if threads == 1 or len(jobs) == 1:
        for job in jobs:
            job()
        return
    submitted = [_pool(threads).submit(job) for job in jobs]
    try:
        for done in submitted:
            done.result()
    finally:
        for waiting in submitted:  # after an error or Ctrl-C the process need not work through what is left
            waiting.cancel()


class CpuEngine:
    """Numba kernels without Fourier transforms.

    The kernels release the interpreter lock and are driven by threads of our own: numba's fallback threading layer
    ends the process when two Python threads enter a parallel kernel at once, as dask and napari do.

    Parameters
    ----------
    threads : int, optional
        Threads to use; all that the process may use when left out.
    """

    name = "cpu"

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or available_threads()

    def describe(self) -> str:
        return f"cpu, {self.threads} thread{'s' if self.threads > 1 else ''}"

    def published(self, data: Float32Array, terms: HessianTerms) -> PublishedIteration:
        bound = laplacian_bound(terms.continuity, data.ndim)
        polynomial = inverse_polynomial(terms.fidelity + terms.sparsity**2, bound)
        if polynomial is None:
            from .reference import NumpyEngine

            return NumpyEngine(self.threads).published(data, terms)
        if data.ndim == 2:
            return PublishedPlane(data, terms, polynomial, self.threads)
        return PublishedVolume(data, terms, polynomial, self.threads)

    def optimum(self, data: Float32Array, terms: HessianTerms) -> CertifiedVolume:
        return CertifiedVolume(data, terms, self.threads)

    def blur(self, kernel_y: Float32Array, kernel_x: Float32Array, shape: tuple[int, int]) -> Blur:
        rows, columns = (mirrored(n, k.size // 2) for n, k in zip(shape, (kernel_y, kernel_x), strict=True))

        def apply(plane: Float32Array) -> Float32Array:
            target = np.empty(shape, np.float32)
            in_ranges(
                shape[0],
                self.threads,
                lambda a, b: kernels_blur.blur_rows(plane, target, kernel_y, kernel_x, rows, columns, a, b),
            )
            return target

        return apply

    def ready(self) -> bool:
        return all(map(is_kept, (kernels_plane.sweep, kernels_volume.duals, kernels_blur.blur_rows)))

    def each(self, work: Callable[[Engine, Item], None], items: Sequence[Item]) -> None:
        if len(items) < self.threads:
            for item in items:
                work(self, item)
        else:
            alone = CpuEngine(1)
            run_all([partial(work, alone, item) for item in items], self.threads)


def in_ranges(count: int, threads: int, job: Job) -> None:
    """Call ``job(first, last)`` on nearly equal ranges of `count` rows, one per thread."""
    edges = [count * i // threads for i in range(threads + 1)]
    run_all([partial(job, a, b) for a, b in pairwise(edges) if a < b], threads)


def mirrored(length: int, reach: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Index of the pixel that stands at −reach … length + reach − 1 under half-sample mirroring.

    Examples
    --------
    >>> mirrored(3, 2).tolist()
    [1, 0, 0, 1, 2, 2, 1]
    """
    place = np.arange(-reach, length + reach) % (2 * length)
    return np.where(place < length, place, 2 * length - 1 - place)


class PublishedPlane:
    """The published iteration on one plane, several iterations to a sweep (see `kernels_plane`)."""

    def __init__(
        self, data: Float32Array, terms: HessianTerms, polynomial: tuple[Float32Array, float], threads: int
    ) -> None:
        self.polynomial, self.centre = polynomial[0], np.float32(polynomial[1])
        self.degree = len(self.polynomial) - 1
        self.threads = threads
        self.fidelity = np.float32(terms.fidelity)
        s = terms.sparsity
        self.weights = np.array([terms.fidelity - s + s * s, s], np.float32)
        each = _pool(threads).map if threads > 1 else map
        self.tiling = Tiling(data, terms.fidelity, self.degree, STEPS, threads, each)
        self.fresh = True

    def advance(self, count: int) -> None:
        while count > 0:
            steps = min(STEPS, count)
            if not self.fresh:
                self.tiling.refresh()
            run_all([partial(self._sweep, tile, steps) for tile in self.tiling.tiles], self.threads)
            self.fresh = False
            count -= steps

    def _sweep(self, tile: Any, steps: int) -> None:
        ring, everything = kernels_plane.ring_rows(self.degree)
        kernels_plane.sweep(
            tile.memory, tile.rows, tile.first, tile.last, tile.stride, tile.width, steps,
            kernels_plane.lag_rows(self.degree), ring, everything, self.weights, self.polynomial, self.centre,
        )  # fmt: skip

    def estimate(self) -> Float32Array:
        g = self.tiling.gather(1)
        return np.maximum(g, 0, out=g)

    def forget(self, hidden: npt.NDArray[np.bool_]) -> None:
        for tile in self.tiling.tiles:
            part, inner = hidden[tile.outer], slice(PAD, PAD + tile.width)
            tile.state[0, :, inner][part] = self.fidelity * np.maximum(tile.state[1, :, inner][part], 0)

    def split(self) -> Float32Array:
        v = self.tiling.gather(1)
        v += self.tiling.gather(6) - 1
        return np.maximum(v, 0, out=v)


class _Volume:
    """One flat buffer of fields over a padded (Z, Y, X) grid, and the passes over its rows."""

    def __init__(self, data: Float32Array, fields: int, threads: int) -> None:
        self.threads = threads
        self.ndim = data.ndim
        self.depth, self.height, self.width = data.reshape((-1, *data.shape[-2:])).shape
        self.stride = padded(self.width)
        self.rows = self.depth * self.height
        self.memory = aligned_zeros((fields * self.rows + 1) * self.stride)
        self.grid = self.memory[: fields * self.rows * self.stride].reshape(fields, self.depth, self.height, -1)

    def fill(self, field: int, values: Float32Array) -> None:
        part = self.grid[field]
        part[:, :, PAD : PAD + self.width] = values
        part[:, :, PAD - 1] = part[:, :, PAD]
        part[:, :, PAD + self.width] = part[:, :, PAD + self.width - 1]

    def field(self, field: int) -> Float32Array:
        inner: Float32Array = self.grid[field, :, :, PAD : PAD + self.width]
        return inner if self.ndim == 3 else inner[0]

    def each_row(self, kernel: Any, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
        size = (self.depth, self.height, self.stride, self.width)
        in_ranges(self.rows, self.threads, lambda a, b: kernel(self.memory, *before, *size, a, b, *after))


class PublishedVolume(_Volume):
    """The published iteration on a volume (see `kernels_volume`)."""

    def __init__(
        self, data: Float32Array, terms: HessianTerms, polynomial: tuple[Float32Array, float], threads: int
    ) -> None:
        super().__init__(data, kernels_volume.FIELDS, threads)
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

    def __init__(self, data: Float32Array, terms: HessianTerms, threads: int) -> None:
        super().__init__(data, kernels_optimum.FIELDS, threads)
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

"""The processor engine: fused numba kernels driven by a pool of plain threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache, partial
from itertools import pairwise
from threading import Event
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..operators import laplacian_bound
from . import (
    Blur,
    CertifiedIteration,
    Engine,
    Float32Array,
    HessianTerms,
    Imaging,
    PublishedIteration,
    kernels_blur,
    kernels_plane,
    kernels_separable,
    kernels_spacetime,
    kernels_volume,
)
from .chebyshev import inverse_polynomial
from .compiled import is_kept
from .cpu_spacetime import CertifiedSpacetime, PublishedSpacetime
from .cpu_volume import CertifiedVolume, PublishedVolume
from .fused import Fused
from .imaging import Decimated, SelfAdjoint
from .separable import Separable
from .tiles import Tiling

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
    broken = Event()

    def guarded(job: Callable[[], Any]) -> None:
        try:
            job()
        except BaseException:
            broken.set()
            raise

    submitted = [_pool(threads - 1).submit(guarded, job) for job in jobs]
    try:
        for i, (job, waiting) in enumerate(zip(jobs, submitted, strict=True)):
            if broken.is_set():
                break
            if waiting.cancel():  # the caller works too, rather than waiting for a thread to wake
                try:
                    job()
                except BaseException:
                    _results(submitted[:i])  # an earlier job's error comes first
                    raise
        _results(submitted)
    except BaseException:
        for waiting in submitted:  # after an error or Ctrl-C the process need not work through what is left
            waiting.cancel()
        wait([one for one in submitted if not one.cancelled()])  # nobody writes any more when the caller tidies up
        raise


def _results(submitted: Iterable[Future[Any]]) -> None:
    for done in submitted:
        if not done.cancelled():
            done.result()


def run_grouped(jobs: Sequence[Callable[[], Any]], threads: int) -> None:
    """Run many short jobs, each thread a row of neighbouring ones."""

    def some(first: int, last: int) -> None:
        for job in jobs[first:last]:
            job()

    in_ranges(len(jobs), threads, some)


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
        bound = laplacian_bound(terms.continuity, data.ndim, terms.continuity_t)
        polynomial = inverse_polynomial(terms.fidelity + terms.sparsity**2, bound)
        if polynomial is None:
            from .reference import NumpyEngine

            return NumpyEngine(self.threads).published(data, terms)
        if data.ndim == 2:
            return PublishedPlane(data, terms, polynomial, self.threads)
        if data.ndim == 3:
            return PublishedVolume(data, terms, polynomial, self.ranges)
        return PublishedSpacetime(data, terms, polynomial, self.ranges)

    def optimum(self, data: Float32Array, terms: HessianTerms) -> CertifiedIteration:
        if data.ndim > 3:
            return CertifiedSpacetime(data, terms, self.ranges)
        return CertifiedVolume(data, terms, self.ranges)

    def ranges(self, count: int, job: Job) -> None:
        """Call ``job(first, last)`` on nearly equal ranges of `count` rows, one per thread."""
        in_ranges(count, self.threads, job)

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

    def mirrored(self, kernel_y: Float32Array, kernel_x: Float32Array, shape: tuple[int, int]) -> Imaging:
        return SelfAdjoint(self.blur(kernel_y, kernel_x, shape), shape, Fused())

    def periodic(self, psf: Float32Array, shape: tuple[int, int]) -> Imaging:
        from .periodic import Periodic

        return Periodic(psf, shape, Fused(), self.threads)

    def imaging(
        self, psf: Float32Array | Sequence[Float32Array], data_shape: tuple[int, ...], factor: int = 1
    ) -> Imaging:
        fine = (*data_shape[:-2], factor * data_shape[-2], factor * data_shape[-1])
        run = partial(run_grouped, threads=self.threads)
        made: Imaging
        if not isinstance(psf, np.ndarray):
            made = Separable(psf, fine, run, factor)
        else:
            from .spectral import Planes, Spectral

            one = Spectral(psf, fine[-psf.ndim :], run, factor)
            made = one if psf.ndim == len(fine) else Planes(one, fine[0])
        return made if factor == 1 else Decimated(made, factor)

    def ready(self, ndim: int = 2) -> bool:
        sparse = (kernels_plane.sweep, kernels_volume.duals, kernels_spacetime.duals)[ndim - 2]
        return all(map(is_kept, (sparse, kernels_separable.correlate_rows)))

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
        self.weights = np.array([s - s * s - terms.fidelity, s], np.float32)
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

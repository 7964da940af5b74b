"""The readable definition of every iteration in plain array code: slow, exact, what other engines are held to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from ..operators import (
    adjoint_second_difference,
    hessian_weights,
    laplacian_spectrum,
    second_difference,
)
from . import Arithmetic, Blur, Engine, Float32Array, HessianTerms, Imaging, Read, Turn, Write
from .imaging import Decimated, SelfAdjoint, extended_for
from .momentum import Momentum, rms_bound, squared_norm
from .plain import Plain

Array = npt.NDArray[np.floating[Any]]
Item = TypeVar("Item")


class NumpyEngine:
    """Plain NumPy and SciPy; linear systems are solved exactly by cosine transforms.

    Parameters
    ----------
    threads : int, optional
        Workers of the transforms.
    dtype : dtype
        Floating type of the arithmetic; float64 serves tests.
    """

    name = "numpy"

    def __init__(self, threads: int | None = None, dtype: npt.DTypeLike = np.float32) -> None:
        self.threads = threads or 1
        self.dtype = np.dtype(dtype)

    def describe(self) -> str:
        return f"numpy, {self.threads} thread{'s' if self.threads > 1 else ''}"

    def published(self, data: Float32Array, terms: HessianTerms) -> Published:
        return Published(data.astype(self.dtype), terms, self.threads)

    def optimum(self, data: Float32Array, terms: HessianTerms) -> Optimum:
        return Optimum(data.astype(self.dtype), terms)

    def ready(self, ndim: int = 2) -> bool:  # noqa: ARG002
        return True

    def each(self, work: Callable[[Engine, Item], None], items: Sequence[Item]) -> None:
        for item in items:
            work(self, item)

    def blur(self, kernel_y: Float32Array, kernel_x: Float32Array, shape: tuple[int, int]) -> Blur:  # noqa: ARG002
        def apply(plane: Float32Array) -> Float32Array:
            down = ndimage.correlate1d(plane.astype(self.dtype), kernel_y, axis=0, mode="reflect")
            return np.asarray(ndimage.correlate1d(down, kernel_x, axis=1, mode="reflect"), np.float32)

        return apply

    def mirrored(self, kernel_y: Float32Array, kernel_x: Float32Array, shape: tuple[int, int]) -> Imaging:
        return SelfAdjoint(self.blur(kernel_y, kernel_x, shape), shape, Plain())

    def periodic(self, psf: Float32Array, shape: tuple[int, int]) -> Imaging:
        from .periodic import Periodic

        return Periodic(psf, shape, Plain(), 1)

    def imaging(
        self, psf: Float32Array | Sequence[Float32Array], data_shape: tuple[int, ...], factor: int = 1
    ) -> Imaging:
        kernels = [psf] if isinstance(psf, np.ndarray) else psf
        whole: Array = reduce(np.multiply.outer, [np.asarray(kernel, np.float64) for kernel in kernels])
        if factor == 1:
            return Convolution(whole, data_shape, self.dtype)
        *lead, height, width = data_shape
        return Decimated(Convolution(whole, (*lead, factor * height, factor * width), self.dtype), factor)


class Convolution:
    """Image formation as it is defined: convolve the object, dark beyond its domain, and look at the data's field."""

    gain: float = 1.0
    arithmetic: Arithmetic = Plain()

    def __init__(self, psf: Array, data_shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        domain = extended_for(data_shape, psf)
        self.object_shape, self.data_shape, self.field = domain.object_shape, domain.data_shape, domain.field
        self.dtype, self.psf = dtype, psf.reshape((1,) * (len(data_shape) - psf.ndim) + psf.shape).astype(np.float64)

    def forward(self, x: Float32Array) -> Float32Array:
        from scipy import signal

        return np.asarray(signal.fftconvolve(x, self.psf, "same")[self.field], self.dtype)

    def adjoint(self, residual: Float32Array) -> Float32Array:
        from scipy import signal

        wide = np.zeros(self.object_shape)
        wide[self.field] = residual
        return np.asarray(signal.fftconvolve(wide, np.flip(self.psf), "same"), self.dtype)

    def sandwich(self, read: Read, turn: Turn, write: Write) -> None:
        x, whole = np.empty(self.object_shape, self.dtype), slice(0, self.object_shape[0])
        read(whole, x)
        expected = self.forward(x)
        turn(slice(0, self.data_shape[0]), expected)
        write(whole, self.adjoint(expected))

    def release(self) -> None:
        pass


class Published:
    """The published iteration (split Bregman with μ = 1), one exact linear solve per step.

    For each term i: ``v = D_i g + β_i``, ``β_i ← clip(v, −1, 1)``, ``rhs += w_i D_iᵀ (v − 2 β_i)``; then
    ``rhs += F f`` and ``g ← K⁻¹ rhs`` with ``K = F + s² + Σ w D_iᵀ D_i`` (Zhao et al. 2022, as published in software).
    """

    def __init__(self, data: Array, terms: HessianTerms, workers: int = 1) -> None:
        self.data, self.terms, self.workers = data, terms, workers
        self.weights = hessian_weights(terms.continuity, data.ndim, terms.continuity_t)
        self.g = data.copy()
        self.duals = {term: np.zeros_like(data) for term in self.weights}
        self.identity = np.zeros_like(data)
        spectrum = laplacian_spectrum(data.shape, terms.continuity, terms.continuity_t)
        self.kernel = (terms.fidelity + terms.sparsity**2 + spectrum).astype(data.dtype)

    def advance(self, count: int) -> None:
        for _ in range(count):
            self._step()

    def _step(self) -> None:
        g, s = self.g, self.terms.sparsity
        v = g + self.identity
        self.identity = np.clip(v, -1, 1)
        rhs = self.terms.fidelity * self.data + s * (v - 2 * self.identity)
        for term, weight in self.weights.items():
            v = second_difference(g, term) + self.duals[term]
            self.duals[term] = np.clip(v, -1, 1)
            rhs += weight * adjoint_second_difference(v - 2 * self.duals[term], term)
        self.g = fft.idctn(fft.dctn(rhs, workers=self.workers) / self.kernel, workers=self.workers)

    def estimate(self) -> Float32Array:
        return np.maximum(self.g, 0).astype(np.float32)

    def forget(self, hidden: npt.NDArray[np.bool_]) -> None:
        self.data = np.where(hidden, np.maximum(self.g, 0), self.data)

    def split(self) -> Float32Array:
        v = self.g + self.identity
        return np.maximum(v - np.clip(v, -1, 1), 0).astype(np.float32)


class Optimum:
    """Accelerated projected gradient on the dual of the stated objective under x ≥ 0.

    With ``t = f − s/F`` (for x ≥ 0 the sparsity is an offset), the dual variables obey ``|p_i| ≤ w_i`` and give
    ``x(p) = max(0, t − Σ D_iᵀ p_i / F)``. The duality gap at x(p) is ``Σ w_i |D_i x|₁ − ⟨p_i, D_i x⟩`` and, the
    objective being F-strongly convex, at least ``F/2 ‖x − x*‖²`` (Beck & Teboulle, IEEE TIP 18, 2419–2434, 2009;
    restart: O'Donoghue & Candès, Found. Comput. Math. 15, 715–732, 2015).
    """

    def __init__(self, data: Array, terms: HessianTerms) -> None:
        self.terms = terms
        self.target = data - data.dtype.type(terms.sparsity / terms.fidelity)
        self.weights = {
            t: w for t, w in hessian_weights(terms.continuity, data.ndim, terms.continuity_t).items() if w > 0
        }
        self.p = {term: np.zeros_like(data) for term in self.weights}
        self.q = {term: np.zeros_like(data) for term in self.weights}
        self.rate = Momentum()
        self.step = terms.fidelity / squared_norm(data.ndim)

    def _primal(self, duals: dict[str, Array]) -> Array:
        total = sum(adjoint_second_difference(p, term) for term, p in duals.items())
        return np.maximum(0, self.target - total / self.terms.fidelity)

    def advance(self, count: int) -> None:
        for _ in range(count):
            x, momentum, turn = self._primal(self.q), self.rate.next(), 0.0
            for term, weight in self.weights.items():
                new = np.clip(self.q[term] + self.step * second_difference(x, term), -weight, weight)
                move = new - self.p[term]
                turn += float(np.vdot(self.q[term] - new, move))
                self.q[term], self.p[term] = new + momentum * move, new
            self.rate.restart_if(turn > 0)

    def estimate(self) -> Float32Array:
        return self._primal(self.p).astype(np.float32)

    def distance_bound(self) -> float:
        x, gap = self._primal(self.p), 0.0
        for term, weight in self.weights.items():
            d = second_difference(x, term)
            gap += float((weight * np.abs(d) - self.p[term] * d).sum(dtype=np.float64))
        return rms_bound(gap, self.terms.fidelity, x.size)

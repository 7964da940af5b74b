"""Image formation with a separable PSF: direct convolution on the extended domain, no Fourier transform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from . import Arithmetic, Float32Array, Read, Turn, Write, kernels_separable
from .fused import Fused
from .imaging import Scratch, extended

ROWS = 32
"""Rows of a slab of a plane: few enough to stay in cache between blur and update."""

Run = Callable[[Sequence[Callable[[], Any]]], None]
Way = tuple[list[Float32Array], list[int]]
"""Taps of each axis, and which input pixel the first tap of output pixel 0 meets."""


class Separable:
    """H for an outer product of one kernel per axis; planes of a stack are blurred one by one by a plane's PSF.

    Parameters
    ----------
    kernels : sequence of array
        Odd lengths; for the last two or three axes of the data.
    data_shape : tuple of int
        Of the data on this grid.
    run : callable
        Runs independent jobs, several at once where there are threads.
    align : int
        Slabs of a plane's rows begin at multiples of it.
    """

    gain: float = 1.0
    arithmetic: Arithmetic = Fused()

    def __init__(self, kernels: Sequence[Float32Array], data_shape: tuple[int, ...], run: Run, align: int = 1) -> None:
        lines = [np.asarray(k, np.float64) for k in kernels]
        domain = extended(data_shape, lines)
        self.object_shape, self.data_shape, self.field = domain.object_shape, domain.data_shape, domain.field
        self._run = run
        self._rows = -(-ROWS // align) * align
        reach, before = [len(line) // 2 for line in lines], domain.before[-len(lines) :]
        taps = [np.ascontiguousarray(k, np.float32) for k in kernels]
        shifts = [b - r for b, r in zip(before, reach, strict=True)]
        self._forward: Way = [np.ascontiguousarray(t[::-1]) for t in taps], shifts
        self._adjoint: Way = taps, [-b - r for b, r in zip(before, reach, strict=True)]
        self._object: Scratch[Float32Array] = Scratch(lambda: np.empty(self.object_shape, np.float32))
        self._data: Scratch[Float32Array] = Scratch(lambda: np.empty(self.data_shape, np.float32))

    def forward(self, x: Float32Array) -> Float32Array:
        """Return H x."""
        out = np.empty(self.data_shape, np.float32)
        self._pass(np.ascontiguousarray(x, np.float32), out, self._forward, None)
        return out

    def adjoint(self, residual: Float32Array) -> Float32Array:
        """Return Hᵀ r."""
        out = np.empty(self.object_shape, np.float32)
        self._pass(np.ascontiguousarray(residual, np.float32), out, self._adjoint, None)
        return out

    def sandwich(self, read: Read, turn: Turn, write: Write) -> None:
        """Pass ``Hᵀ turn(H read)`` on to `write`."""
        with self._object.lent() as x, self._data.lent() as expected:
            self._run([partial(read, part, x[part]) for part in self._slabs(self.object_shape)])
            self._pass(x, expected, self._forward, turn)
            self._pass(expected, x, self._adjoint, write)

    def release(self) -> None:
        """Give back the memory that is kept between sandwiches."""
        self._object.clear()
        self._data.clear()

    def _slabs(self, shape: tuple[int, ...]) -> list[slice]:
        step = self._rows if len(shape) == 2 else 1
        return [slice(a, min(a + step, shape[0])) for a in range(0, shape[0], step)]

    def _pass(self, source: Float32Array, target: Float32Array, way: Way, then: Write | None) -> None:
        def work(part: slice) -> None:
            out = target[part]
            self._correlate(source, out, way, part)
            if then is not None:
                then(part, out)

        self._run([partial(work, part) for part in self._slabs(target.shape)])

    def _correlate(self, source: Float32Array, out: Float32Array, way: Way, part: slice) -> None:
        """Set one slab of the result."""
        (*deep, y, x), (*deep_start, y_start, x_start) = way
        if source.ndim == 2:
            kernels_separable.correlate_rows(source, out, y, x, y_start, x_start, part.start, part.stop)
            return
        plane: Float32Array = source[part.start] if not deep else np.empty(source.shape[1:], np.float32)
        if deep:
            kernels_separable.mix_planes(source, plane, deep[0], part.start + deep_start[0])
        kernels_separable.correlate_rows(plane, out[0], y, x, y_start, x_start, 0, out.shape[1])

"""The updates of voxels that solvers ask for, in plain NumPy: the readable definition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from . import Float32Array


def _rows(array: Float32Array) -> Float32Array:
    return array.reshape(-1, array.shape[-1])


class Plain:
    """See :class:`sparsescope.engines.Arithmetic`."""

    def extrapolate(self, x: Float32Array, before: Float32Array, alpha: float, floor: float, out: Float32Array) -> None:
        np.maximum(x + x.dtype.type(alpha) * (x - before), x.dtype.type(floor), out=out)

    def ratio(self, expected: Float32Array, data: Float32Array, behind: Float32Array | None, floor: float) -> None:
        total = expected if behind is None else expected + behind
        least = total.dtype.type(floor)
        np.divide(np.maximum(data, least), np.maximum(total, least), out=expected)

    def multiply(
        self, x: Float32Array, before: Float32Array, alpha: float, floor: float,
        back: Float32Array, weight: Float32Array | None,
    ) -> None:  # fmt: skip
        y = np.empty_like(x)
        self.extrapolate(x, before, alpha, floor, y)
        np.maximum(y * (back if weight is None else back * weight), y.dtype.type(floor), out=before)
        if weight is not None:
            np.copyto(before, x, where=weight <= 0)
        np.maximum(before - y, y.dtype.type(floor), out=back)

    def dots(
        self, change: Float32Array, now: Float32Array, corner: tuple[int, ...], sums: npt.NDArray[np.float64]
    ) -> None:
        inside = now[:, *(slice(c, c + n) for c, n in zip(corner, change.shape[1:], strict=True))]
        sums[0] = np.einsum("ij,ij->i", _rows(change), _rows(inside))
        sums[1] = np.einsum("ij,ij->i", _rows(inside), _rows(inside))
        change[:] = inside

    def residual(self, expected: Float32Array, data: Float32Array, mask: npt.NDArray[np.bool_] | None) -> None:
        np.subtract(data, expected, out=expected)
        if mask is not None:
            expected *= mask

    def descend(
        self, x: Float32Array, before: Float32Array, momentum: float, back: Float32Array, weight: Float32Array | None
    ) -> None:
        step = back if weight is None else weight * back
        np.maximum(x + x.dtype.type(momentum) * (x - before) + step, 0, out=before)
        if weight is not None:
            np.copyto(before, x, where=weight <= 0)

    def pool(self, fine: Float32Array, coarse: Float32Array, factor: int) -> None:
        *lead, height, width = coarse.shape
        coarse[:] = fine.reshape(*lead, height, factor, width, factor).mean((-3, -1))

    def spread(self, coarse: Float32Array, fine: Float32Array, factor: int) -> None:
        fine[:] = np.repeat(np.repeat(coarse, factor, -2), factor, -1) / factor**2

"""The updates of voxels that solvers ask for, by fused kernels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from . import Float32Array
from . import kernels_update as kernels


def _rows(array: Float32Array) -> Float32Array:
    return array.reshape(-1, array.shape[-1])


class Fused:
    """Numba kernels that release the interpreter lock; see :class:`sparsescope.engines.Arithmetic`."""

    def extrapolate(self, x: Float32Array, before: Float32Array, alpha: float, floor: float, out: Float32Array) -> None:
        kernels.extrapolate(_rows(x), _rows(before), np.float32(alpha), np.float32(floor), _rows(out))

    def ratio(self, expected: Float32Array, data: Float32Array, behind: Float32Array | None, floor: float) -> None:
        if behind is None:
            kernels.ratio(_rows(expected), _rows(data), np.float32(floor))
        else:
            kernels.ratio_behind(_rows(expected), _rows(data), _rows(behind), np.float32(floor))

    def multiply(
        self, x: Float32Array, before: Float32Array, alpha: float, floor: float,
        back: Float32Array, weight: Float32Array | None,
    ) -> None:  # fmt: skip
        state = _rows(x), _rows(before), np.float32(alpha), np.float32(floor), _rows(back)
        if weight is None:
            kernels.multiply(*state)
        else:
            kernels.multiply_weighted(*state, _rows(weight))

    def dots(
        self, change: Float32Array, now: Float32Array, corner: tuple[int, ...], sums: npt.NDArray[np.float64]
    ) -> None:
        if change.ndim == 2:
            kernels.dots(change, now, 0, corner[0], sums)
            return
        rows = change.shape[1]
        for k in range(len(change)):
            kernels.dots(change[k], now[k], corner[0], corner[1], sums[:, k * rows : (k + 1) * rows])

    def residual(self, expected: Float32Array, data: Float32Array, mask: npt.NDArray[np.bool_] | None) -> None:
        if mask is None:
            kernels.residual(_rows(expected), _rows(data))
        else:
            kernels.residual_masked(_rows(expected), _rows(data), mask.reshape(-1, mask.shape[-1]))

    def descend(
        self, x: Float32Array, before: Float32Array, momentum: float, back: Float32Array, weight: Float32Array | None
    ) -> None:
        state = _rows(x), _rows(before), np.float32(momentum), _rows(back)
        if weight is None:
            kernels.descend(*state)
        else:
            kernels.descend_weighted(*state, _rows(weight))

    def pool(self, fine: Float32Array, coarse: Float32Array, factor: int) -> None:
        kernels.pool(_rows(fine), _rows(coarse), factor)

    def spread(self, coarse: Float32Array, fine: Float32Array, factor: int) -> None:
        kernels.spread(_rows(coarse), _rows(fine), factor)

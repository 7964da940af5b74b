"""Separable blur of a plane on its mirror-symmetric domain, row by row (numba)."""

from __future__ import annotations

import numpy as np

from .compiled import kernel
from .kernels_plane import U


@kernel
def _weigh(out, source, weight, n):
    for i in range(n):
        out[i] += weight * source[i]


@kernel
def _weigh_four(out, a, b, c, d, weights, j, n):
    wa, wb, wc, wd = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
    for i in range(n):
        out[i] += (wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i])


@kernel
def blur_rows(source, target, kernel_y, kernel_x, rows, columns, first, last):
    """target[y] ← kernel_y ⊗ kernel_x applied to `source`, shape (Y, X), for first ≤ y < last.

    `rows`, `columns`: index of the mirrored pixel for −radius … length + radius − 1 along each axis.
    """
    width = source.shape[1]
    reach = kernel_x.size // 2
    line = np.empty(width + 2 * reach, np.float32)
    inner = line[reach : reach + width]
    n = U(width)
    for y in range(first, last):
        inner[:] = np.float32(0)
        fours = kernel_y.size // 4 * 4
        for j in range(0, fours, 4):
            a, b, c, d = rows[y + j], rows[y + j + 1], rows[y + j + 2], rows[y + j + 3]
            _weigh_four(inner, source[a], source[b], source[c], source[d], kernel_y, j, n)
        for j in range(fours, kernel_y.size):
            _weigh(inner, source[rows[y + j]], kernel_y[j], n)
        for j in range(reach):
            line[j] = inner[columns[j]]
            line[reach + width + j] = inner[columns[reach + width + j]]
        out = target[y]
        out[:] = np.float32(0)
        fours = kernel_x.size // 4 * 4
        for j in range(0, fours, 4):
            _weigh_four(out, line[j:], line[j + 1 :], line[j + 2 :], line[j + 3 :], kernel_x, j, n)
        for j in range(fours, kernel_x.size):
            _weigh(out, line[j:], kernel_x[j], n)

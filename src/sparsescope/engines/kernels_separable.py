"""Separable correlation of a plane that is dark beyond its borders, row by row (numba)."""

from __future__ import annotations

import numpy as np

from .compiled import kernel
from .kernels_blur import _weigh, _weigh_four
from .kernels_plane import U


@kernel
def correlate_rows(source, target, taps_y, taps_x, start_y, start_x, first, last):
    """Set target[y − first] ← Σ taps_y[j] taps_x[k] source[y + start_y + j, x + start_x + k] for first ≤ y < last."""
    height, width = source.shape
    columns = target.shape[1]
    line = np.zeros(columns + taps_x.size - 1, np.float32)
    begin = max(0, start_x)
    end = max(begin, min(width, start_x + line.size))
    n = U(end - begin)
    inner = line[begin - start_x : end - start_x]
    for y in range(first, last):
        inner[:] = np.float32(0)
        top = y + start_y
        j = max(0, -top)
        stop = min(taps_y.size, height - top)
        while j + 4 <= stop:
            row = top + j
            _weigh_four(
                inner, source[row, begin:end], source[row + 1, begin:end], source[row + 2, begin:end],
                source[row + 3, begin:end], taps_y, j, n,
            )  # fmt: skip
            j += 4
        while j < stop:
            _weigh(inner, source[top + j, begin:end], taps_y[j], n)
            j += 1
        out = target[y - first]
        out[:] = np.float32(0)
        fours = taps_x.size // 4 * 4
        m = U(columns)
        for k in range(0, fours, 4):
            _weigh_four(out, line[k:], line[k + 1 :], line[k + 2 :], line[k + 3 :], taps_x, k, m)
        for k in range(fours, taps_x.size):
            _weigh(out, line[k:], taps_x[k], m)


@kernel
def mix_planes(source, target, taps, start):
    """Set target ← Σ taps[j] source[start + j], planes beyond the volume being dark."""
    target[:] = np.float32(0)
    first, last = max(0, -start), min(taps.size, source.shape[0] - start)
    for y in range(target.shape[0]):
        out = target[y]
        n = U(out.size)
        j = first
        while j + 4 <= last:
            z = start + j
            _weigh_four(out, source[z, y], source[z + 1, y], source[z + 2, y], source[z + 3, y], taps, j, n)
            j += 4
        while j < last:
            _weigh(out, source[start + j, y], taps[j], n)
            j += 1

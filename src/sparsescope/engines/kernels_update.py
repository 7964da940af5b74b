"""Updates of voxels fused into one pass over memory, row by row, and pooling of pixels (numba)."""

from __future__ import annotations

import numpy as np

from .compiled import kernel, summing

ONE = np.float32(1)


@kernel
def extrapolate(x, before, alpha, floor, out):
    """Set out ← max(x + alpha (x − before), floor)."""
    for row in range(x.shape[0]):
        a, b, o = x[row], before[row], out[row]
        for i in range(a.size):
            o[i] = max(a[i] + alpha * (a[i] - b[i]), floor)


@kernel
def ratio(expected, data, floor):
    """Set expected ← max(data, floor) / max(expected, floor)."""
    for row in range(data.shape[0]):
        e, d = expected[row], data[row]
        for i in range(d.size):
            e[i] = max(d[i], floor) / max(e[i], floor)


@kernel
def ratio_behind(expected, data, behind, floor):
    """Set expected ← max(data, floor) / max(expected + behind, floor)."""
    for row in range(data.shape[0]):
        e, d, b = expected[row], data[row], behind[row]
        for i in range(d.size):
            e[i] = max(d[i], floor) / max(e[i] + b[i], floor)


@kernel
def multiply(x, before, alpha, floor, back):
    """Set before ← new estimate, back ← what it changed."""
    for row in range(x.shape[0]):
        a, b, r = x[row], before[row], back[row]
        for i in range(a.size):
            y = max(a[i] + alpha * (a[i] - b[i]), floor)
            new = max(y * r[i], floor)
            b[i] = new
            r[i] = max(new - y, floor)


@kernel
def multiply_weighted(x, before, alpha, floor, back, weight):
    """Do the same where each voxel has a weight; where it is zero, before ← x."""
    for row in range(x.shape[0]):
        a, b, r, w = x[row], before[row], back[row], weight[row]
        for i in range(a.size):
            y = max(a[i] + alpha * (a[i] - b[i]), floor)
            new = max(y * (r[i] * w[i]), floor) if w[i] > np.float32(0) else a[i]
            b[i] = new
            r[i] = max(new - y, floor)


@summing
def dots(change, now, first_row, first_column, sums):
    """Set sums ← ⟨change, now⟩ and ⟨now, now⟩ of each row of change, which lies somewhere in now; change ← now."""
    for row in range(change.shape[0]):
        c = change[row]
        n = now[first_row + row, first_column : first_column + c.size]
        along, square = np.float32(0), np.float32(0)
        for i in range(c.size):
            along += c[i] * n[i]
            square += n[i] * n[i]
        for i in range(c.size):
            c[i] = n[i]
        sums[0, row] = along
        sums[1, row] = square


@kernel
def residual(expected, data):
    """Set expected ← data − expected."""
    for row in range(data.shape[0]):
        e, d = expected[row], data[row]
        for i in range(d.size):
            e[i] = d[i] - e[i]


@kernel
def residual_masked(expected, data, mask):
    """Set expected ← data − expected where the mask is set, else 0."""
    for row in range(data.shape[0]):
        e, d, m = expected[row], data[row], mask[row]
        for i in range(d.size):
            e[i] = (d[i] - e[i]) * np.float32(m[i])


@kernel
def descend(x, before, momentum, back):
    """Set before ← max(0, x + momentum (x − before) + back)."""
    for row in range(x.shape[0]):
        a, b, r = x[row], before[row], back[row]
        for i in range(a.size):
            b[i] = max(np.float32(0), a[i] + momentum * (a[i] - b[i]) + r[i])


@kernel
def descend_weighted(x, before, momentum, back, weight):
    """Do the same with weighted steps; where the weight is zero, before ← x."""
    for row in range(x.shape[0]):
        a, b, r, w = x[row], before[row], back[row], weight[row]
        for i in range(a.size):
            new = max(np.float32(0), a[i] + momentum * (a[i] - b[i]) + w[i] * r[i])
            b[i] = new if w[i] > np.float32(0) else a[i]


@kernel
def pool(fine, coarse, factor):
    """Set coarse pixels to the mean of their fine ones."""
    scale = ONE / np.float32(factor * factor)
    for row in range(coarse.shape[0]):
        out = coarse[row]
        for i in range(out.size):
            total = np.float32(0)
            for k in range(row * factor, (row + 1) * factor):
                for j in range(i * factor, (i + 1) * factor):
                    total += fine[k, j]
            out[i] = total * scale


@kernel
def spread(coarse, fine, factor):
    """Set fine pixels to their coarse one over factor²."""
    scale = ONE / np.float32(factor * factor)
    for row in range(fine.shape[0]):
        out, values = fine[row], coarse[row // factor]
        for i in range(values.size):
            value = values[i] * scale
            for j in range(i * factor, (i + 1) * factor):
                out[j] = value

"""Accelerated projected gradient on the dual of the sparse-Hessian problem, with its duality gap (numba).

Fields: target f − b − s/F, x, then p and its extrapolation q for xx yy zz xy xz yz.
"""

from __future__ import annotations

import numpy as np

from .compiled import kernel, summing
from .kernels_plane import ONE, PAD, TWO, U
from .kernels_volume import back_project, mirror, row_at

FIELDS = 14
P_FIELD, Q_FIELD = 2, 8
ZERO = np.float32(0)


@kernel
def cut_at_zero(m, target, out, n, over):
    """Set x ← max(0, target − over·x) on one row."""
    for i in range(n):
        m[out + i] = max(ZERO, m[target + i] - over * m[out + i])


@kernel
def primal(m, field, depth, height, stride, width, first, last, unit, over):
    """Set x ← max(0, target − Dᵀp · over) with p the six fields from `field` on; `over` = 1/F, `unit` = six ones."""
    n = U(width)
    nothing = U(FIELDS) * U(depth * height) * U(stride) + U(PAD)
    for row in range(first, last):
        z, y = row // height, row % height
        target = row_at(0, z, y, depth, height, stride)
        out = row_at(1, z, y, depth, height, stride)
        back_project(m, field, out, depth, height, stride, width, z, y, unit, nothing)
        cut_at_zero(m, target, out, n, over)
        mirror(m, out, n)


@summing
def ascend_straight(m, before, here, after, p, q, n, bound, step, momentum):
    """One step on a second difference along one axis of a row; return Σ (q − p⁺)(p⁺ − p)."""
    total = ZERO
    for i in range(n):
        d = m[before + i] - TWO * m[here + i] + m[after + i]
        new = max(-bound, min(bound, m[q + i] + step * d))
        move = new - m[p + i]
        total += (m[q + i] - new) * move
        m[q + i] = new + momentum * move
        m[p + i] = new
    return total


@summing
def ascend_mixed(m, here, one, other, both, p, q, n, bound, step, momentum):
    """One step on a forward–forward difference of a row; return Σ (q − p⁺)(p⁺ − p)."""
    total = ZERO
    for i in range(n):
        d = m[both + i] - m[one + i] - m[other + i] + m[here + i]
        new = max(-bound, min(bound, m[q + i] + step * d))
        move = new - m[p + i]
        total += (m[q + i] - new) * move
        m[q + i] = new + momentum * move
        m[p + i] = new
    return total


@kernel
def ascend(m, depth, height, stride, width, first, last, bounds, step, momentum, turn):
    """p⁺ ← clip(q + step·D x, ±w), q ← p⁺ + momentum (p⁺ − p), p ← p⁺; `turn[row]` = Σ (q − p⁺)(p⁺ − p)."""
    n = U(width)
    size = U(depth * height) * U(stride)
    for row in range(first, last):
        z, y = row // height, row % height
        here, above, below, before, deeper, both = _neighbours(z, y, depth, height, stride)
        p = row_at(P_FIELD, z, y, depth, height, stride)
        q = row_at(Q_FIELD, z, y, depth, height, stride)
        total = np.float64(ascend_straight(m, here - ONE, here, here + ONE, p, q, n, bounds[0], step, momentum))
        mirror(m, p, n)
        mirror(m, q, n)
        o = size
        total += ascend_straight(m, above, here, below, p + o, q + o, n, bounds[1], step, momentum)
        o = size * U(3)
        total += ascend_mixed(m, here, here + ONE, below, below + ONE, p + o, q + o, n, bounds[3], step, momentum)
        if depth > 1 and bounds[2] > ZERO:
            o = size * U(2)
            total += ascend_straight(m, before, here, deeper, p + o, q + o, n, bounds[2], step, momentum)
            o = size * U(4)
            total += ascend_mixed(m, here, here + ONE, deeper, deeper + ONE, p + o, q + o, n, bounds[4], step, momentum)
            o = size * U(5)
            total += ascend_mixed(m, here, below, deeper, both, p + o, q + o, n, bounds[5], step, momentum)
        turn[row] = total


@kernel
def _neighbours(z, y, depth, height, stride):
    return (
        row_at(1, z, y, depth, height, stride),
        row_at(1, z, y - 1, depth, height, stride),
        row_at(1, z, y + 1, depth, height, stride),
        row_at(1, z - 1, y, depth, height, stride),
        row_at(1, z + 1, y, depth, height, stride),
        row_at(1, z + 1, y + 1, depth, height, stride),
    )


@summing
def gap_straight(m, before, here, after, p, n, bound):
    """Part of the duality gap of a second difference along one axis, on one row."""
    total = ZERO
    for i in range(n):
        d = m[before + i] - TWO * m[here + i] + m[after + i]
        total += bound * abs(d) - m[p + i] * d
    return total


@summing
def gap_mixed(m, here, one, other, both, p, n, bound):
    """Part of the duality gap of a forward–forward difference, on one row."""
    total = ZERO
    for i in range(n):
        d = m[both + i] - m[one + i] - m[other + i] + m[here + i]
        total += bound * abs(d) - m[p + i] * d
    return total


@kernel
def gap(m, depth, height, stride, width, first, last, bounds, out):
    """`out[row]` ← Σ w|D x| − p·D x over a row: summed over all rows, the duality gap at x(p)."""
    n = U(width)
    size = U(depth * height) * U(stride)
    for row in range(first, last):
        z, y = row // height, row % height
        here, above, below, before, deeper, both = _neighbours(z, y, depth, height, stride)
        p = row_at(P_FIELD, z, y, depth, height, stride)
        total = np.float64(gap_straight(m, here - ONE, here, here + ONE, p, n, bounds[0]))
        total += gap_straight(m, above, here, below, p + size, n, bounds[1])
        total += gap_mixed(m, here, here + ONE, below, below + ONE, p + size * U(3), n, bounds[3])
        if depth > 1 and bounds[2] > ZERO:
            total += gap_straight(m, before, here, deeper, p + size * U(2), n, bounds[2])
            total += gap_mixed(m, here, here + ONE, deeper, deeper + ONE, p + size * U(4), n, bounds[4])
            total += gap_mixed(m, here, below, deeper, both, p + size * U(5), n, bounds[5])
        out[row] = total

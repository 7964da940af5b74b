"""The sparse-Hessian iteration on a plane, fused over rows and over several iterations (numba).

One sweep takes a tile through several iterations while its rows are in cache: iteration t works `lag` rows behind
iteration t − 1, which is exactly as far as the values it needs reach, so nothing is computed twice. The arrays of a
tile are interleaved row by row in one flat buffer, and every index is unsigned: signed indices keep numba from
vectorising. The readable definition is `sparsescope.engines.reference.Published`; a test ties the two together.
"""

from __future__ import annotations

import numpy as np

from .compiled import kernel

PAD = 16
"""Floats before and after each row: room for the mirrored neighbour, aligned to 64 bytes."""

FIELDS = 7
"""Arrays per row: F·f, g, S = Σ w Dᵀβ of the iteration before, and β of xx, yy, xy and identity."""

U = np.uint64
ONE = U(1)
UP, DOWN = np.float32(1), np.float32(-1)
TWO, FOUR = np.float32(2), np.float32(4)


@kernel
def _duals(m, above, here, below, xx, yy, xy, ident, n):
    for i in range(n):
        g = m[here + i]
        u = m[here + i - ONE] - TWO * g + m[here + i + ONE] + m[xx + i]
        v = m[above + i] - TWO * g + m[below + i] + m[yy + i]
        m[xx + i] = max(DOWN, min(UP, u))
        m[yy + i] = max(DOWN, min(UP, v))
    for i in range(n):
        g = m[here + i]
        u = m[below + i + ONE] - m[below + i] - m[here + i + ONE] + g + m[xy + i]
        v = g + m[ident + i]
        m[xy + i] = max(DOWN, min(UP, u))
        m[ident + i] = max(DOWN, min(UP, v))
    m[xx - ONE] = m[xx]
    m[xx + n] = m[xx + n - ONE]


@kernel
def _residual(m, data, g, old, xx, yy0, yy1, yy2, xy0, xy1, ident, out, n, keep, s):
    for i in range(n):
        m[out + i] = (
            m[xx + i - ONE]
            + m[xx + i + ONE]
            + m[yy0 + i]
            + m[yy2 + i]
            + TWO * ((m[xy1 + i] - m[xy1 + i - ONE]) - (m[xy0 + i] - m[xy0 + i - ONE]) - m[xx + i] - m[yy1 + i])
            + s * m[ident + i]
        )
    for i in range(n):
        new = m[out + i]
        m[out + i] = m[data + i] - keep * m[g + i] + m[old + i] - TWO * new
        m[old + i] = new
    m[out - ONE] = m[out]
    m[out + n] = m[out + n - ONE]


@kernel
def _laplacian(m, above, here, below, out, n):
    for i in range(n):
        m[out + i] = m[above + i] + m[below + i] + m[here + i - ONE] + m[here + i + ONE] - FOUR * m[here + i]
    m[out - ONE] = m[out]
    m[out + n] = m[out + n - ONE]


@kernel
def _update(m, above, here, below, r, g, n, cr, cl):
    for i in range(n):
        m[g + i] += cr * m[r + i] + cl * (
            m[above + i] + m[below + i] + m[here + i - ONE] + m[here + i + ONE] - FOUR * m[here + i]
        )
    m[g - ONE] = m[g]
    m[g + n] = m[g + n - ONE]


@kernel
def _horner(m, above, here, below, r, t, out, n, cr, cl, ct):
    for i in range(n):
        m[out + i] = (
            cr * m[r + i]
            + cl * (m[above + i] + m[below + i] + m[here + i - ONE] + m[here + i + ONE] - FOUR * m[here + i])
            + ct * m[t + i]
        )
    m[out - ONE] = m[out]
    m[out + n] = m[out + n - ONE]


@kernel
def _add(m, t, g, n):
    for i in range(n):
        m[g + i] += m[t + i]
    m[g - ONE] = m[g]
    m[g + n] = m[g + n - ONE]


def ring_rows(degree: int) -> tuple[int, int]:
    """Rows of scratch per iteration in flight: of the residual (a power of two), and in all."""
    residual = 4
    while residual < 2 * degree + 2:
        residual *= 2
    return residual, residual + 8 * degree


def lag_rows(degree: int) -> int:
    """How many rows an iteration reaches, which is how far the next one must stay behind."""
    return 2 * degree + 2


@kernel
def _gradient_row(m, k, lo, hi, rows, line, stride, n, r0, ring, zero, weights):
    """Dual update of row k, then residual of row k − 1."""
    data = U(PAD)
    g0, s0, xx0, yy0 = data + stride, data + stride * U(2), data + stride * U(3), data + stride * U(4)
    xy0, id0 = data + stride * U(5), data + stride * U(6)
    if lo <= k < hi:
        o = U(k) * line
        above, below = U(max(k - 1, 0)) * line, U(min(k + 1, rows - 1)) * line
        _duals(m, g0 + above, g0 + o, g0 + below, xx0 + o, yy0 + o, xy0 + o, id0 + o, n)
    k -= 1
    if lo <= k < hi:
        o = U(k) * line
        above, below = U(max(k - 1, 0)) * line, U(min(k + 1, rows - 1)) * line
        mixed = xy0 + above if k > 0 else zero
        out = r0 + U(k & (ring - 1)) * stride
        _residual(
            m, data + o, g0 + o, s0 + o, xx0 + o, yy0 + above, yy0 + o, yy0 + below,
            mixed, xy0 + o, id0 + o, out, n, weights[0], weights[1],
        )  # fmt: skip


@kernel
def _solve_row(m, k, lo, hi, rows, line, stride, n, r0, ring, poly, centre):
    """Set g ← g + p(L²) residual by Horner's rule, each stage two rows behind the one before it."""
    degree = poly.shape[0] - 1
    top = poly[degree]
    before, mask = r0, ring - 1
    k -= 1
    for j in range(1, degree + 1):
        lap = r0 + U(ring + 8 * (j - 1)) * stride
        out = lap + U(4) * stride
        k -= 1
        if lo <= k < hi:
            above, below = U(max(k - 1, 0) & mask) * stride, U(min(k + 1, rows - 1) & mask) * stride
            _laplacian(m, before + above, before + U(k & mask) * stride, before + below, lap + U(k & 3) * stride, n)
        k -= 1
        if lo <= k < hi:
            y0, y1 = lap + U(max(k - 1, 0) & 3) * stride, lap + U(k & 3) * stride
            y2 = lap + U(min(k + 1, rows - 1) & 3) * stride
            r, t = r0 + U(k & (ring - 1)) * stride, out + U(k & 3) * stride
            g = U(PAD) + stride + U(k) * line
            if degree == 1:
                _update(m, y0, y1, y2, r, g, n, poly[0] - top * centre, top)
            elif j == 1:
                _horner(m, y0, y1, y2, r, r, t, n, poly[degree - 1], top, -top * centre)
            else:
                _horner(m, y0, y1, y2, r, before + U(k & 3) * stride, t, n, poly[degree - j], UP, -centre)
            if j == degree > 1:
                _add(m, t, g, n)
        before, mask = out, 3


@kernel
def sweep(mem, rows, first, last, stride, width, steps, lag, ring, ring_all, weights, poly, centre):
    """Take one tile through `steps` iterations; rows before `first` and from `last` on are halo of the neighbours.

    `mem`: float32 rows of `stride`: ``rows·FIELDS`` of the tile, one that stays zero, ``steps·ring_all`` of scratch.
    `weights`: (F − s + s², s). `poly`, `centre`: see `inverse_polynomial`.
    """
    st, n = U(stride), U(width)
    line = st * U(FIELDS)
    zero = U(rows) * line + U(PAD)
    for start in range(rows + 2 * poly.shape[0] - 1 + lag * (steps - 1)):
        for t in range(steps):
            k = start - lag * t
            if k < 0:
                break
            lo = max(0, first - lag * (steps - t)) if first > 0 else 0
            hi = min(rows, last + lag * (steps - t)) if last < rows else rows
            r0 = zero + st + U(t * ring_all) * st
            _gradient_row(mem, k, lo, hi, rows, line, st, n, r0, ring, zero, weights)
            _solve_row(mem, k, lo, hi, rows, line, st, n, r0, ring, poly, centre)

"""The sparse-Hessian iteration on a plane, fused over rows and over several iterations (numba).

One sweep takes a tile through several iterations while its rows are in cache: iteration t works `lag` rows behind
iteration t − 1, which is exactly as far as the values it needs reach, so nothing is computed twice. Rows go in
pairs, which share what they load: loads are what bounds the iteration. Pairs name the arrays that they write (see
`llvm`); which row of a pair is first never changes its parity, so that what they say holds always. The arrays of a
tile are interleaved row by row in one flat buffer, and every index is unsigned: signed indices keep numba from
vectorising. The readable definition is `sparsescope.engines.reference.Published`; a test ties the two together.
"""

from __future__ import annotations

import numpy as np

from .compiled import unfused as kernel
from .llvm import disjoint, fused

PAD = 16
"""Floats before and after each row: room for the mirrored neighbour, aligned to 64 bytes."""

FIELDS = 7
"""Arrays per row: F·f, g, S = Σ w Dᵀβ of the iteration before, and β of xx, yy, xy and identity."""

U = np.uint64
ONE = U(1)
UP, DOWN = np.float32(1), np.float32(-1)
TWO, FOUR = np.float32(2), np.float32(4)
MINUS_TWO, MINUS_FOUR = -TWO, -FOUR

d_read, d_arrays = disjoint("duals", 8)
(xx_get0, xx_put0), (xx_get1, xx_put1), (yy_get0, yy_put0), (yy_get1, yy_put1) = d_arrays[:4]
(xy_get0, xy_put0), (xy_get1, xy_put1), (id_get0, id_put0), (id_get1, id_put1) = d_arrays[4:]
r_read, ((_, r_put0), (_, r_put1), (old_get0, old_put0), (old_get1, old_put1)) = disjoint("residual", 4)
l_read, ((_, l_put0), (_, l_put1)) = disjoint("laplacian", 2)
u_read, ((g_get0, g_put0), (g_get1, g_put1)) = disjoint("update", 2)


@kernel
def _mirror(m, row, n):
    """Give a row its mirrored neighbours."""
    m[row - ONE] = m[row]
    m[row + n] = m[row + n - ONE]


@kernel
def _clip(value):
    return max(DOWN, min(UP, value))


@kernel
def _duals_row(m, above, here, below, xx, yy, xy, ident, n):
    """β ← clip(D g + β, −1, 1) of xx, yy, xy and identity, in one row."""
    for i in range(n):
        b, b1, c, c1 = m[here + i], m[here + i + ONE], m[below + i], m[below + i + ONE]
        fall = c - b
        u = fused(MINUS_TWO, b, m[here + i - ONE] + b1) + m[xx + i]
        v = fall - (b - m[above + i]) + m[yy + i]
        m[xx + i] = _clip(u)
        m[yy + i] = _clip(v)
        u = c1 - b1 - fall + m[xy + i]
        v = b + m[ident + i]
        m[xy + i] = _clip(u)
        m[ident + i] = _clip(v)
    _mirror(m, xx, n)


@kernel
def _duals_pair(m, above, here, after, below, xx, yy, xy, ident, line, n):
    """`_duals_row` of rows `here` and `after`; the fields of the second lie `line` further on."""
    for i in range(n):
        b, c, d = d_read(m, here + i), d_read(m, after + i), d_read(m, below + i)
        b1, c1, d1 = d_read(m, here + i + ONE), d_read(m, after + i + ONE), d_read(m, below + i + ONE)
        fall_b, fall_c = c - b, d - c
        xb = fused(MINUS_TWO, b, d_read(m, here + i - ONE) + b1) + xx_get0(m, xx + i)
        xc = fused(MINUS_TWO, c, d_read(m, after + i - ONE) + c1) + xx_get1(m, xx + line + i)
        yb = fall_b - (b - d_read(m, above + i)) + yy_get0(m, yy + i)
        yc = fall_c - fall_b + yy_get1(m, yy + line + i)
        mb = c1 - b1 - fall_b + xy_get0(m, xy + i)
        mc = d1 - c1 - fall_c + xy_get1(m, xy + line + i)
        ib, ic = b + id_get0(m, ident + i), c + id_get1(m, ident + line + i)
        xx_put0(m, xx + i, _clip(xb))
        xx_put1(m, xx + line + i, _clip(xc))
        yy_put0(m, yy + i, _clip(yb))
        yy_put1(m, yy + line + i, _clip(yc))
        xy_put0(m, xy + i, _clip(mb))
        xy_put1(m, xy + line + i, _clip(mc))
        id_put0(m, ident + i, _clip(ib))
        id_put1(m, ident + line + i, _clip(ic))
    _mirror(m, xx, n)
    _mirror(m, xx + line, n)


@kernel
def _residual_row(m, data, g, old, xx, yy0, yy1, yy2, xy0, xy1, ident, out, n, lose, s):
    """S ← Σ w Dᵀβ and r ← F f + lose g + S₋ − 2 S, in one row."""
    for i in range(n):
        ma, mb = m[xy0 + i] - m[xy0 + i - ONE], m[xy1 + i] - m[xy1 + i - ONE]
        outer = m[xx + i - ONE] + m[xx + i + ONE] + (m[yy0 + i] + m[yy2 + i])
        new = fused(s, m[ident + i], fused(TWO, mb - ma - m[xx + i] - m[yy1 + i], outer))
        m[out + i] = fused(MINUS_TWO, new, fused(lose, m[g + i], m[data + i] + m[old + i]))
        m[old + i] = new
    _mirror(m, out, n)


@kernel
def _residual_pair(m, data, g, old, xx, yy0, yy1, yy3, xy0, xy1, ident, out, out_after, line, n, lose, s):
    """`_residual_row` of two rows, whose fields lie `line` apart; `yy3` is the row after them."""
    for i in range(n):
        yb, yc = r_read(m, yy1 + i), r_read(m, yy1 + line + i)
        ma = r_read(m, xy0 + i) - r_read(m, xy0 + i - ONE)
        mb = r_read(m, xy1 + i) - r_read(m, xy1 + i - ONE)
        mc = r_read(m, xy1 + line + i) - r_read(m, xy1 + line + i - ONE)
        outer_b = r_read(m, xx + i - ONE) + r_read(m, xx + i + ONE) + (r_read(m, yy0 + i) + yc)
        outer_c = r_read(m, xx + line + i - ONE) + r_read(m, xx + line + i + ONE) + (yb + r_read(m, yy3 + i))
        inner_b = mb - ma - r_read(m, xx + i) - yb
        inner_c = mc - mb - r_read(m, xx + line + i) - yc
        sum_b = fused(s, r_read(m, ident + i), fused(TWO, inner_b, outer_b))
        sum_c = fused(s, r_read(m, ident + line + i), fused(TWO, inner_c, outer_c))
        rest_b = fused(lose, r_read(m, g + i), r_read(m, data + i) + old_get0(m, old + i))
        rest_c = fused(lose, r_read(m, g + line + i), r_read(m, data + line + i) + old_get1(m, old + line + i))
        r_put0(m, out + i, fused(MINUS_TWO, sum_b, rest_b))
        r_put1(m, out_after + i, fused(MINUS_TWO, sum_c, rest_c))
        old_put0(m, old + i, sum_b)
        old_put1(m, old + line + i, sum_c)
    _mirror(m, out, n)
    _mirror(m, out_after, n)


@kernel
def _laplacian_row(m, above, here, below, out, n):
    """Laplacian of one row."""
    for i in range(n):
        around = m[above + i] + m[below + i] + (m[here + i - ONE] + m[here + i + ONE])
        m[out + i] = fused(MINUS_FOUR, m[here + i], around)
    _mirror(m, out, n)


@kernel
def _laplacian_pair(m, above, here, after, below, out, out_after, n):
    """`_laplacian_row` of rows `here` and `after`."""
    for i in range(n):
        b, c = l_read(m, here + i), l_read(m, after + i)
        around_b = l_read(m, above + i) + c + (l_read(m, here + i - ONE) + l_read(m, here + i + ONE))
        around_c = b + l_read(m, below + i) + (l_read(m, after + i - ONE) + l_read(m, after + i + ONE))
        l_put0(m, out + i, fused(MINUS_FOUR, b, around_b))
        l_put1(m, out_after + i, fused(MINUS_FOUR, c, around_c))
    _mirror(m, out, n)
    _mirror(m, out_after, n)


@kernel
def _update_row(m, above, here, below, r, g, n, cr, cl):
    """Set g ← g + cr r + cl Δ(here), in one row."""
    for i in range(n):
        around = m[above + i] + m[below + i] + (m[here + i - ONE] + m[here + i + ONE])
        m[g + i] = fused(cl, fused(MINUS_FOUR, m[here + i], around), fused(cr, m[r + i], m[g + i]))
    _mirror(m, g, n)


@kernel
def _update_pair(m, above, here, after, below, r, r_after, g, line, n, cr, cl):
    """`_update_row` of two rows of g, which lie `line` apart."""
    for i in range(n):
        b, c = u_read(m, here + i), u_read(m, after + i)
        around_b = u_read(m, above + i) + c + (u_read(m, here + i - ONE) + u_read(m, here + i + ONE))
        around_c = b + u_read(m, below + i) + (u_read(m, after + i - ONE) + u_read(m, after + i + ONE))
        gb = fused(cl, fused(MINUS_FOUR, b, around_b), fused(cr, u_read(m, r + i), g_get0(m, g + i)))
        gc = fused(cl, fused(MINUS_FOUR, c, around_c), fused(cr, u_read(m, r_after + i), g_get1(m, g + line + i)))
        g_put0(m, g + i, gb)
        g_put1(m, g + line + i, gc)
    _mirror(m, g, n)
    _mirror(m, g + line, n)


@kernel
def _horner_row(m, above, here, below, r, t, out, n, cr, cl, ct):
    """One stage of Horner's rule: out ← cr r + cl Δ(here) + ct t, in one row."""
    for i in range(n):
        around = m[above + i] + m[below + i] + (m[here + i - ONE] + m[here + i + ONE])
        m[out + i] = fused(cl, fused(MINUS_FOUR, m[here + i], around), fused(cr, m[r + i], ct * m[t + i]))
    _mirror(m, out, n)


@kernel
def _add_row(m, t, g, n):
    """Set g ← g + t, in one row."""
    for i in range(n):
        m[g + i] += m[t + i]
    _mirror(m, g, n)


def ring_rows(degree: int) -> tuple[int, int]:
    """Rows of scratch per iteration in flight: of the residual (a power of two), and in all."""
    residual = 4
    while residual < 2 * degree + 2:
        residual *= 2
    return residual, residual + 8 * degree


def lag_rows(degree: int) -> int:
    """How many rows an iteration reaches, which is how far the next one must stay behind; even, for the pairs' sake."""
    return 2 * degree + 2


@kernel
def _duals(m, k, lo, hi, rows, line, stride, n):
    """Dual update of rows k and k + 1, as far as they lie in [lo, hi)."""
    g, xx = U(PAD) + stride, U(PAD) + stride * U(3)
    yy, xy, ident = xx + stride, xx + stride * U(2), xx + stride * U(3)
    if lo <= k and k + 1 < hi:
        o = U(k) * line
        above, below = U(max(k - 1, 0)) * line, U(min(k + 2, rows - 1)) * line
        _duals_pair(
            m, g + above, g + o, g + o + line, g + below, xx + o, yy + o, xy + o, ident + o, line, n
        )  # fmt: skip
        return
    for j in range(max(k, lo), min(k + 2, hi)):
        o = U(j) * line
        above, below = U(max(j - 1, 0)) * line, U(min(j + 1, rows - 1)) * line
        _duals_row(m, g + above, g + o, g + below, xx + o, yy + o, xy + o, ident + o, n)


@kernel
def _residuals(m, k, lo, hi, rows, line, stride, n, r0, ring, zero, weights):
    """Residual of rows k and k + 1, as far as they lie in [lo, hi)."""
    data = U(PAD)
    g, old, xx = data + stride, data + stride * U(2), data + stride * U(3)
    yy, xy, ident = xx + stride, xx + stride * U(2), xx + stride * U(3)
    if lo <= k and k + 1 < hi:
        o, above, last = U(k) * line, U(max(k - 1, 0)) * line, U(min(k + 2, rows - 1)) * line
        _residual_pair(
            m, data + o, g + o, old + o, xx + o, yy + above, yy + o, yy + last, xy + above if k > 0 else zero, xy + o,
            ident + o, r0 + U(k & (ring - 1)) * stride, r0 + U((k + 1) & (ring - 1)) * stride, line, n,
            weights[0], weights[1],
        )  # fmt: skip
        return
    for j in range(max(k, lo), min(k + 2, hi)):
        o, above, below = U(j) * line, U(max(j - 1, 0)) * line, U(min(j + 1, rows - 1)) * line
        _residual_row(
            m, data + o, g + o, old + o, xx + o, yy + above, yy + o, yy + below, xy + above if j > 0 else zero, xy + o,
            ident + o, r0 + U(j & (ring - 1)) * stride, n, weights[0], weights[1],
        )  # fmt: skip


@kernel
def _laplacians(m, k, lo, hi, rows, stride, n, source, mask, out):
    """Laplacian of rows k and k + 1 of a ring, as far as they lie in [lo, hi)."""
    if lo <= k and k + 1 < hi:
        above, below = U(max(k - 1, 0) & mask) * stride, U(min(k + 2, rows - 1) & mask) * stride
        here, after = U(k & mask) * stride, U((k + 1) & mask) * stride
        first, second = out + U(k & 3) * stride, out + U((k + 1) & 3) * stride
        _laplacian_pair(m, source + above, source + here, source + after, source + below, first, second, n)
        return
    for j in range(max(k, lo), min(k + 2, hi)):
        above, below = U(max(j - 1, 0) & mask) * stride, U(min(j + 1, rows - 1) & mask) * stride
        here = U(j & mask) * stride
        _laplacian_row(m, source + above, source + here, source + below, out + U(j & 3) * stride, n)


@kernel
def _updates(m, k, lo, hi, rows, line, stride, n, lap, r0, ring, cr, cl):
    """Set g ← g + cr r + cl Δ(lap) in rows k and k + 1, as far as they lie in [lo, hi)."""
    g = U(PAD) + stride
    if lo <= k and k + 1 < hi:
        above, below = U(max(k - 1, 0) & 3) * stride, U(min(k + 2, rows - 1) & 3) * stride
        here, after = U(k & 3) * stride, U((k + 1) & 3) * stride
        _update_pair(
            m, lap + above, lap + here, lap + after, lap + below, r0 + U(k & (ring - 1)) * stride,
            r0 + U((k + 1) & (ring - 1)) * stride, g + U(k) * line, line, n, cr, cl,
        )  # fmt: skip
        return
    for j in range(max(k, lo), min(k + 2, hi)):
        above, below, here = U(max(j - 1, 0) & 3) * stride, U(min(j + 1, rows - 1) & 3) * stride, U(j & 3) * stride
        r = r0 + U(j & (ring - 1)) * stride
        _update_row(m, lap + above, lap + here, lap + below, r, g + U(j) * line, n, cr, cl)


@kernel
def _solve(m, k, lo, hi, rows, line, stride, n, r0, ring, poly, centre):
    """Set g ← g + p(L²) residual by Horner's rule, each stage two rows behind the one before it."""
    degree = poly.shape[0] - 1
    top = poly[degree]
    before, mask = r0, ring - 1
    for j in range(1, degree + 1):
        lap = r0 + U(ring + 8 * (j - 1)) * stride
        out = lap + U(4) * stride
        k -= 1
        _laplacians(m, k, lo, hi, rows, stride, n, before, mask, lap)
        k -= 1
        if degree == 1:
            _updates(m, k, lo, hi, rows, line, stride, n, lap, r0, ring, poly[0] - top * centre, top)
            return
        for row in range(max(k, lo), min(k + 2, hi)):
            y0, y1 = lap + U(max(row - 1, 0) & 3) * stride, lap + U(row & 3) * stride
            y2 = lap + U(min(row + 1, rows - 1) & 3) * stride
            r, t = r0 + U(row & (ring - 1)) * stride, out + U(row & 3) * stride
            if j == 1:
                _horner_row(m, y0, y1, y2, r, r, t, n, poly[degree - 1], top, -top * centre)
            else:
                _horner_row(m, y0, y1, y2, r, before + U(row & 3) * stride, t, n, poly[degree - j], UP, -centre)
            if j == degree:
                _add_row(m, t, U(PAD) + stride + U(row) * line, n)
        before, mask = out, 3


@kernel
def sweep(mem, rows, first, last, stride, width, steps, lag, ring, ring_all, weights, poly, centre):
    """Take one tile through `steps` iterations; rows before `first` and from `last` on are halo of the neighbours.

    `mem`: float32 rows of `stride`: ``rows·FIELDS`` of the tile, one that stays zero, ``steps·ring_all`` of scratch.
    `weights`: (s − s² − F, s). `poly`, `centre`: see `inverse_polynomial`.
    """
    st, n = U(stride), U(width)
    line = st * U(FIELDS)
    zero = U(rows) * line + U(PAD)
    for start in range(0, rows + 2 * poly.shape[0] + lag * (steps - 1), 2):
        for t in range(steps):
            k = start - lag * t
            if k < 0:
                break
            lo = max(0, first - lag * (steps - t)) if first > 0 else 0
            hi = min(rows, last + lag * (steps - t)) if last < rows else rows
            r0 = zero + st + U(t * ring_all) * st
            _duals(mem, k, lo, hi, rows, line, st, n)
            _residuals(mem, k - 1, lo, hi, rows, line, st, n, r0, ring, zero, weights)
            _solve(mem, k - 1, lo, hi, rows, line, st, n, r0, ring, poly, centre)

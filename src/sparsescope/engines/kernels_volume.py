"""The sparse-Hessian iteration on a volume (x, y and z or t), pass by pass over rows (numba).

All arrays lie in one flat buffer, field after field; a row is addressed by the unsigned index of its first float. The
readable definition is `sparsescope.engines.reference.Published`; a test ties the two together.
"""

from __future__ import annotations

from .compiled import kernel
from .kernels_plane import DOWN, FOUR, ONE, PAD, TWO, UP, U
from .llvm import disjoint

FIELDS = 13
"""F·f, g, S, β of xx yy zz xy xz yz identity, residual, its Laplacian, and the polynomial's partial sum."""

d_read, _d = disjoint("volume duals", 7)
(xx_get, xx_put), (yy_get, yy_put), (zz_get, zz_put), (xy_get, xy_put), (xz_get, xz_put), (yz_get, yz_put) = _d[:6]
id_get, id_put = _d[6]
b_read, ((_, b_put),) = disjoint("volume adjoint", 1)


@kernel
def row_at(field, z, y, depth, height, stride):
    """Index of the first float of a row; rows beyond the ends are the mirrored ones."""
    z = min(max(z, 0), depth - 1)
    y = min(max(y, 0), height - 1)
    return (U(field) * U(depth * height) + U(z * height + y)) * U(stride) + U(PAD)


@kernel
def mirror(m, row, n):
    """Refresh the neighbours that a row keeps beyond its two ends."""
    m[row - ONE] = m[row]
    m[row + n] = m[row + n - ONE]


@kernel
def _clip(value):
    return max(DOWN, min(UP, value))


@kernel
def _duals_row(m, above, here, below, before, deeper, both, b, step, n):
    """Clip D g + β of all terms in one row; `both` is the row one step on along y and z."""
    for i in range(n):
        g, g1 = d_read(m, here + i), d_read(m, here + i + ONE)
        y, z = d_read(m, below + i), d_read(m, deeper + i)
        rise, twice = g1 - g, TWO * g
        xx = d_read(m, here + i - ONE) - twice + g1 + xx_get(m, b + i)
        yy = d_read(m, above + i) - twice + y + yy_get(m, b + step + i)
        zz = d_read(m, before + i) - twice + z + zz_get(m, b + step * U(2) + i)
        xy = d_read(m, below + i + ONE) - y - rise + xy_get(m, b + step * U(3) + i)
        xz = d_read(m, deeper + i + ONE) - z - rise + xz_get(m, b + step * U(4) + i)
        yz = d_read(m, both + i) - y - (z - g) + yz_get(m, b + step * U(5) + i)
        ident = g + id_get(m, b + step * U(6) + i)
        xx_put(m, b + i, _clip(xx))
        yy_put(m, b + step + i, _clip(yy))
        zz_put(m, b + step * U(2) + i, _clip(zz))
        xy_put(m, b + step * U(3) + i, _clip(xy))
        xz_put(m, b + step * U(4) + i, _clip(xz))
        yz_put(m, b + step * U(5) + i, _clip(yz))
        id_put(m, b + step * U(6) + i, _clip(ident))
    mirror(m, b, n)


@kernel
def duals(m, depth, height, stride, width, first, last):
    """β ← clip(D g + β) for every term, on the rows first ≤ z·height + y < last."""
    n, step = U(width), U(depth * height) * U(stride)
    for row in range(first, last):
        z, y = row // height, row % height
        _duals_row(
            m, row_at(1, z, y - 1, depth, height, stride), row_at(1, z, y, depth, height, stride),
            row_at(1, z, y + 1, depth, height, stride), row_at(1, z - 1, y, depth, height, stride),
            row_at(1, z + 1, y, depth, height, stride), row_at(1, z + 1, y + 1, depth, height, stride),
            row_at(3, z, y, depth, height, stride), step, n,
        )  # fmt: skip


@kernel
def _back_plane(m, p, above, below, xy, out, step, n, w):
    """As `_back_row` where there is one plane: terms of z vanish."""
    wxx, wyy, wxy = w[0], w[1], w[3]
    for i in range(n):
        total = wxx * (b_read(m, p + i - ONE) - TWO * b_read(m, p + i) + b_read(m, p + i + ONE))
        total += wyy * (b_read(m, above + i) - TWO * b_read(m, p + step + i) + b_read(m, below + i))
        o = p + step * U(3) + i
        total += wxy * ((b_read(m, o) - b_read(m, o - ONE)) - (b_read(m, xy + i) - b_read(m, xy + i - ONE)))
        b_put(m, out + i, total)


@kernel
def _back_row(m, p, above, below, before, deeper, xy, xz, yz1, yz2, yz3, out, step, n, w):
    """Set the row `out` to Σ w Dᵀp: `p` is the row of xx, the others are rows of the term that they serve."""
    wxx, wyy, wzz, wxy, wxz, wyz = w[0], w[1], w[2], w[3], w[4], w[5]
    for i in range(n):
        total = wxx * (b_read(m, p + i - ONE) - TWO * b_read(m, p + i) + b_read(m, p + i + ONE))
        total += wyy * (b_read(m, above + i) - TWO * b_read(m, p + step + i) + b_read(m, below + i))
        total += wzz * (b_read(m, before + i) - TWO * b_read(m, p + step * U(2) + i) + b_read(m, deeper + i))
        o = p + step * U(3) + i
        total += wxy * ((b_read(m, o) - b_read(m, o - ONE)) - (b_read(m, xy + i) - b_read(m, xy + i - ONE)))
        o = p + step * U(4) + i
        total += wxz * ((b_read(m, o) - b_read(m, o - ONE)) - (b_read(m, xz + i) - b_read(m, xz + i - ONE)))
        o = p + step * U(5) + i
        total += wyz * ((b_read(m, o) - b_read(m, yz1 + i)) - (b_read(m, yz2 + i) - b_read(m, yz3 + i)))
        b_put(m, out + i, total)


@kernel
def back_project(m, field, out, depth, height, stride, width, z, y, weights, nothing):
    """Set the row `out` to Σ w Dᵀp of the six second differences that start at `field`.

    `weights` in the order xx yy zz xy xz yz; `nothing` is a row of zeros: mixed terms vanish beyond the first row.
    """
    n, step = U(width), U(depth * height) * U(stride)
    p, yy, zz, xz, yz = row_at(field, z, y, depth, height, stride), field + 1, field + 2, field + 4, field + 5
    above = row_at(yy, z, y - 1, depth, height, stride)
    below = row_at(yy, z, y + 1, depth, height, stride)
    xy = row_at(field + 3, z, y - 1, depth, height, stride) if y > 0 else nothing
    if depth == 1:
        _back_plane(m, p, above, below, xy, out, step, n, weights)
        return
    _back_row(
        m, p, above, below, row_at(zz, z - 1, y, depth, height, stride), row_at(zz, z + 1, y, depth, height, stride),
        xy, row_at(xz, z - 1, y, depth, height, stride) if z > 0 else nothing,
        row_at(yz, z, y - 1, depth, height, stride) if y > 0 else nothing,
        row_at(yz, z - 1, y, depth, height, stride) if z > 0 else nothing,
        row_at(yz, z - 1, y - 1, depth, height, stride) if z > 0 and y > 0 else nothing,
        out, step, n, weights,
    )  # fmt: skip


@kernel
def finish_residual(m, data, g, old, ident, out, n, keep, s):
    """Turn the row Σ w Dᵀβ into the residual, and keep the sum for the next iteration."""
    for i in range(n):
        new = m[out + i] + s * m[ident + i]
        m[out + i] = m[data + i] - keep * m[g + i] + m[old + i] - TWO * new
        m[old + i] = new


@kernel
def residual(m, depth, height, stride, width, first, last, weights, keep, s):
    """Field 10 ← F f − (F − s + s²) g + S − 2 Σ w Dᵀβ, and field 2 ← Σ w Dᵀβ; `keep` = F − s + s²."""
    n = U(width)
    nothing = U(FIELDS) * U(depth * height) * U(stride) + U(PAD)
    for row in range(first, last):
        z, y = row // height, row % height
        out = row_at(10, z, y, depth, height, stride)
        back_project(m, 3, out, depth, height, stride, width, z, y, weights, nothing)
        finish_residual(
            m, row_at(0, z, y, depth, height, stride), row_at(1, z, y, depth, height, stride),
            row_at(2, z, y, depth, height, stride), row_at(9, z, y, depth, height, stride), out, n, keep, s,
        )  # fmt: skip
        mirror(m, out, n)


@kernel
def _laplacian(m, above, here, below, before, after, out, n, deep):
    for i in range(n):
        c = m[here + i]
        m[out + i] = (
            m[above + i] + m[below + i] + m[here + i - ONE] + m[here + i + ONE] - FOUR * c
            + deep * (m[before + i] + m[after + i] - TWO * c)
        )  # fmt: skip


@kernel
def laplacian(m, source, target, depth, height, stride, width, first, last, deep):
    """Field `target` ← (∂xx + ∂yy + deep ∂zz) of field `source`; `deep` = √λ."""
    n = U(width)
    for row in range(first, last):
        z, y = row // height, row % height
        out = row_at(target, z, y, depth, height, stride)
        _laplacian(
            m, row_at(source, z, y - 1, depth, height, stride), row_at(source, z, y, depth, height, stride),
            row_at(source, z, y + 1, depth, height, stride), row_at(source, z - 1, y, depth, height, stride),
            row_at(source, z + 1, y, depth, height, stride), out, n, deep,
        )  # fmt: skip
        mirror(m, out, n)


@kernel
def _combine(m, above, here, below, before, after, r, t, out, n, deep, cr, cl, ct, cg):
    for i in range(n):
        c = m[here + i]
        lap = (
            m[above + i] + m[below + i] + m[here + i - ONE] + m[here + i + ONE] - FOUR * c
            + deep * (m[before + i] + m[after + i] - TWO * c)
        )  # fmt: skip
        m[out + i] = cg * m[out + i] + cr * m[r + i] + cl * lap + ct * m[t + i]


@kernel
def combine(m, partial, target, depth, height, stride, width, first, last, deep, cr, cl, ct, cg):
    """Field `target` ← cg·target + cr·residual + cl·(∂xx + ∂yy + deep ∂zz) of field 11 + ct·field `partial`."""
    n = U(width)
    for row in range(first, last):
        z, y = row // height, row % height
        out = row_at(target, z, y, depth, height, stride)
        _combine(
            m, row_at(11, z, y - 1, depth, height, stride), row_at(11, z, y, depth, height, stride),
            row_at(11, z, y + 1, depth, height, stride), row_at(11, z - 1, y, depth, height, stride),
            row_at(11, z + 1, y, depth, height, stride), row_at(10, z, y, depth, height, stride),
            row_at(partial, z, y, depth, height, stride), out, n, deep, cr, cl, ct, cg,
        )  # fmt: skip
        mirror(m, out, n)

"""The sparse-Hessian iteration on a movie of volumes (x, y, z and t), pass by pass over rows (numba).

Laid out as in `kernels_volume`, with one axis more; each pass is one loop over a row, whose accesses LLVM is told to be
disjoint. The readable definition is `sparsescope.engines.reference.Published`; a test ties the two together.
"""

from __future__ import annotations

from .compiled import kernel
from .kernels_plane import DOWN, ONE, PAD, TWO, UP, U
from .kernels_volume import finish_residual, mirror
from .llvm import disjoint

FIELDS = 17
"""F·f, g, S, β of xx yy zz xy xz yz tt xt yt zt identity, residual, its Laplacian, and the polynomial's partial sum."""

FIRST_DUAL, IDENTITY, RESIDUAL, LAPLACIAN, PARTIAL = 3, 13, 14, 15, 16

TERMS = 10
XX, YY, ZZ, XY, XZ, YZ, TT, XT, YT, ZT = range(TERMS)

d_read, _d = disjoint("spacetime duals", TERMS + 1)
(xx_get, xx_put), (yy_get, yy_put), (zz_get, zz_put), (xy_get, xy_put), (xz_get, xz_put), (yz_get, yz_put) = _d[:6]
(tt_get, tt_put), (xt_get, xt_put), (yt_get, yt_put), (zt_get, zt_put), (id_get, id_put) = _d[6:]
b_read, ((_, b_put),) = disjoint("spacetime adjoint", 1)
l_read, ((_, l_put),) = disjoint("spacetime laplacian", 1)
c_read, ((out_get, out_put),) = disjoint("spacetime combine", 1)


@kernel
def field_size(sizes):
    """Floats of one field; `sizes` = (times, depth, height, stride)."""
    return U(sizes[0] * sizes[1] * sizes[2]) * U(sizes[3])


@kernel
def place(row, sizes):
    """Return t, z and y of a row."""
    return row // (sizes[1] * sizes[2]), row // sizes[2] % sizes[1], row % sizes[2]


@kernel
def row_at(field, t, z, y, sizes):
    """Index of the first float of a row; rows beyond the ends are the mirrored ones."""
    times, depth, height, stride = sizes
    t = min(max(t, 0), times - 1)
    z = min(max(z, 0), depth - 1)
    y = min(max(y, 0), height - 1)
    return (U(field) * U(times * depth * height) + U((t * depth + z) * height + y)) * U(stride) + U(PAD)


@kernel
def row_or_nothing(field, t, z, y, sizes, nothing):
    """Index of a row, or of the row of zeros where it lies before the first one: mixed terms vanish there."""
    if t < 0 or z < 0 or y < 0:
        return nothing
    return row_at(field, t, z, y, sizes)


@kernel
def _clip(value):
    return max(DOWN, min(UP, value))


@kernel
def _duals_row(m, above, here, below, before, deeper, past, later, yz, yt, zt, b, size, n):
    """Clip D g + β of all terms in one row; `yz`, `yt` and `zt` are the rows one step on along two axes."""
    for i in range(n):
        g, g1 = d_read(m, here + i), d_read(m, here + i + ONE)
        y, z, t = d_read(m, below + i), d_read(m, deeper + i), d_read(m, later + i)
        step, twice = g1 - g, TWO * g
        xx = d_read(m, here + i - ONE) - twice + g1 + xx_get(m, b + i)
        yy = d_read(m, above + i) - twice + y + yy_get(m, b + U(YY) * size + i)
        zz = d_read(m, before + i) - twice + z + zz_get(m, b + U(ZZ) * size + i)
        tt = d_read(m, past + i) - twice + t + tt_get(m, b + U(TT) * size + i)
        xy = d_read(m, below + i + ONE) - y - step + xy_get(m, b + U(XY) * size + i)
        xz = d_read(m, deeper + i + ONE) - z - step + xz_get(m, b + U(XZ) * size + i)
        xt = d_read(m, later + i + ONE) - t - step + xt_get(m, b + U(XT) * size + i)
        dz, dt = z - g, t - g
        m_yz = d_read(m, yz + i) - y - dz + yz_get(m, b + U(YZ) * size + i)
        m_yt = d_read(m, yt + i) - y - dt + yt_get(m, b + U(YT) * size + i)
        m_zt = d_read(m, zt + i) - z - dt + zt_get(m, b + U(ZT) * size + i)
        ident = g + id_get(m, b + U(TERMS) * size + i)
        xx_put(m, b + i, _clip(xx))
        yy_put(m, b + U(YY) * size + i, _clip(yy))
        zz_put(m, b + U(ZZ) * size + i, _clip(zz))
        tt_put(m, b + U(TT) * size + i, _clip(tt))
        xy_put(m, b + U(XY) * size + i, _clip(xy))
        xz_put(m, b + U(XZ) * size + i, _clip(xz))
        xt_put(m, b + U(XT) * size + i, _clip(xt))
        yz_put(m, b + U(YZ) * size + i, _clip(m_yz))
        yt_put(m, b + U(YT) * size + i, _clip(m_yt))
        zt_put(m, b + U(ZT) * size + i, _clip(m_zt))
        id_put(m, b + U(TERMS) * size + i, _clip(ident))
    mirror(m, b, n)


@kernel
def duals(m, sizes, width, first, last):
    """β ← clip(D g + β) for every term, on the rows first ≤ (t·depth + z)·height + y < last."""
    n = U(width)
    size = field_size(sizes)
    for row in range(first, last):
        t, z, y = place(row, sizes)
        _duals_row(
            m, row_at(1, t, z, y - 1, sizes), row_at(1, t, z, y, sizes), row_at(1, t, z, y + 1, sizes),
            row_at(1, t, z - 1, y, sizes), row_at(1, t, z + 1, y, sizes),
            row_at(1, t - 1, z, y, sizes), row_at(1, t + 1, z, y, sizes),
            row_at(1, t, z + 1, y + 1, sizes), row_at(1, t + 1, z, y + 1, sizes), row_at(1, t + 1, z + 1, y, sizes),
            row_at(FIRST_DUAL, t, z, y, sizes), size, n,
        )  # fmt: skip


@kernel
def _back_row(
    m, p, above, below, before, deeper, past, later, xy, xz, xt, yz1, yz2, yz3, yt1, yt2, yt3, zt1, zt2, zt3,
    out, size, n, w,
):  # fmt: skip
    """Set the row `out` to Σ w Dᵀp: `p` is the row of xx, the others are rows of the term that they serve."""
    wxx, wyy, wzz, wxy, wxz, wyz, wtt, wxt, wyt, wzt = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9]
    for i in range(n):
        total = wxx * (b_read(m, p + i - ONE) - TWO * b_read(m, p + i) + b_read(m, p + i + ONE))
        total += wyy * (b_read(m, above + i) - TWO * b_read(m, p + U(YY) * size + i) + b_read(m, below + i))
        total += wzz * (b_read(m, before + i) - TWO * b_read(m, p + U(ZZ) * size + i) + b_read(m, deeper + i))
        total += wtt * (b_read(m, past + i) - TWO * b_read(m, p + U(TT) * size + i) + b_read(m, later + i))
        o = p + U(XY) * size + i
        total += wxy * ((b_read(m, o) - b_read(m, o - ONE)) - (b_read(m, xy + i) - b_read(m, xy + i - ONE)))
        o = p + U(XZ) * size + i
        total += wxz * ((b_read(m, o) - b_read(m, o - ONE)) - (b_read(m, xz + i) - b_read(m, xz + i - ONE)))
        o = p + U(XT) * size + i
        total += wxt * ((b_read(m, o) - b_read(m, o - ONE)) - (b_read(m, xt + i) - b_read(m, xt + i - ONE)))
        o = p + U(YZ) * size + i
        total += wyz * ((b_read(m, o) - b_read(m, yz1 + i)) - (b_read(m, yz2 + i) - b_read(m, yz3 + i)))
        o = p + U(YT) * size + i
        total += wyt * ((b_read(m, o) - b_read(m, yt1 + i)) - (b_read(m, yt2 + i) - b_read(m, yt3 + i)))
        o = p + U(ZT) * size + i
        total += wzt * ((b_read(m, o) - b_read(m, zt1 + i)) - (b_read(m, zt2 + i) - b_read(m, zt3 + i)))
        b_put(m, out + i, total)


@kernel
def back_project(m, field, out, sizes, width, row, weights, nothing):
    """Set the row `out` to Σ w Dᵀp of the ten second differences that start at `field`.

    `weights` in the order xx yy zz xy xz yz tt xt yt zt; `nothing` is a row of zeros.
    """
    t, z, y = place(row, sizes)
    yy, zz, tt, yz, yt, zt = field + YY, field + ZZ, field + TT, field + YZ, field + YT, field + ZT
    _back_row(
        m, row_at(field, t, z, y, sizes), row_at(yy, t, z, y - 1, sizes), row_at(yy, t, z, y + 1, sizes),
        row_at(zz, t, z - 1, y, sizes), row_at(zz, t, z + 1, y, sizes),
        row_at(tt, t - 1, z, y, sizes), row_at(tt, t + 1, z, y, sizes),
        row_or_nothing(field + XY, t, z, y - 1, sizes, nothing),
        row_or_nothing(field + XZ, t, z - 1, y, sizes, nothing),
        row_or_nothing(field + XT, t - 1, z, y, sizes, nothing),
        row_or_nothing(yz, t, z, y - 1, sizes, nothing), row_or_nothing(yz, t, z - 1, y, sizes, nothing),
        row_or_nothing(yz, t, z - 1, y - 1, sizes, nothing),
        row_or_nothing(yt, t, z, y - 1, sizes, nothing), row_or_nothing(yt, t - 1, z, y, sizes, nothing),
        row_or_nothing(yt, t - 1, z, y - 1, sizes, nothing),
        row_or_nothing(zt, t, z - 1, y, sizes, nothing), row_or_nothing(zt, t - 1, z, y, sizes, nothing),
        row_or_nothing(zt, t - 1, z - 1, y, sizes, nothing),
        out, field_size(sizes), U(width), weights,
    )  # fmt: skip


@kernel
def residual(m, sizes, width, first, last, weights, keep, s):
    """Residual ← F f − (F − s + s²) g + S − 2 Σ w Dᵀβ, and S ← Σ w Dᵀβ; `keep` = F − s + s²."""
    n = U(width)
    size = field_size(sizes)
    nothing = U(FIELDS) * size + U(PAD)
    for row in range(first, last):
        data = U(row) * U(sizes[3]) + U(PAD)
        out = data + U(RESIDUAL) * size
        back_project(m, FIRST_DUAL, out, sizes, width, row, weights, nothing)
        finish_residual(m, data, data + size, data + U(2) * size, data + U(IDENTITY) * size, out, n, keep, s)
        mirror(m, out, n)


@kernel
def _laplacian_row(m, above, here, below, before, deeper, past, later, out, n, deep, late):
    for i in range(n):
        c = TWO * l_read(m, here + i)
        around = l_read(m, above + i) + l_read(m, below + i) + l_read(m, here + i - ONE) + l_read(m, here + i + ONE)
        along = deep * (l_read(m, before + i) + l_read(m, deeper + i) - c)
        l_put(m, out + i, around - TWO * c + along + late * (l_read(m, past + i) + l_read(m, later + i) - c))
    mirror(m, out, n)


@kernel
def laplacian(m, source, target, sizes, width, first, last, deep, late):
    """Field `target` ← (∂xx + ∂yy + deep ∂zz + late ∂tt) of field `source`; `deep` = √λ, `late` = √λt."""
    n = U(width)
    for row in range(first, last):
        t, z, y = place(row, sizes)
        _laplacian_row(
            m, row_at(source, t, z, y - 1, sizes), row_at(source, t, z, y, sizes), row_at(source, t, z, y + 1, sizes),
            row_at(source, t, z - 1, y, sizes), row_at(source, t, z + 1, y, sizes),
            row_at(source, t - 1, z, y, sizes), row_at(source, t + 1, z, y, sizes),
            row_at(target, t, z, y, sizes), n, deep, late,
        )  # fmt: skip


@kernel
def _combine_row(
    m, above, here, below, before, deeper, past, later, r, partial, out, n, deep, late, cr, cl, ct, cg
):  # fmt: skip
    for i in range(n):
        c = TWO * c_read(m, here + i)
        around = c_read(m, above + i) + c_read(m, below + i) + c_read(m, here + i - ONE) + c_read(m, here + i + ONE)
        along = deep * (c_read(m, before + i) + c_read(m, deeper + i) - c)
        lap = around - TWO * c + along + late * (c_read(m, past + i) + c_read(m, later + i) - c)
        old = out_get(m, out + i)
        out_put(m, out + i, cg * old + cr * c_read(m, r + i) + cl * lap + ct * c_read(m, partial + i))
    mirror(m, out, n)


@kernel
def combine(m, partial, target, sizes, width, first, last, deep, late, cr, cl, ct, cg):
    """Field `target` ← cg·target + cr·residual + cl·L(Laplacian) + ct·`partial`, L as in `laplacian`.

    `partial` is another field than `target`.
    """
    n, s = U(width), LAPLACIAN
    for row in range(first, last):
        t, z, y = place(row, sizes)
        _combine_row(
            m, row_at(s, t, z, y - 1, sizes), row_at(s, t, z, y, sizes), row_at(s, t, z, y + 1, sizes),
            row_at(s, t, z - 1, y, sizes), row_at(s, t, z + 1, y, sizes),
            row_at(s, t - 1, z, y, sizes), row_at(s, t + 1, z, y, sizes),
            row_at(RESIDUAL, t, z, y, sizes), row_at(partial, t, z, y, sizes), row_at(target, t, z, y, sizes),
            n, deep, late, cr, cl, ct, cg,
        )  # fmt: skip

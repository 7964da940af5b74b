"""The sparse-Hessian iteration on a movie of volumes (x, y, z and t), pass by pass over rows (numba).

Laid out as in `kernels_volume`, with one axis more. Terms that share their loads share a loop, as far as the compiler
still proves that a loop's rows do not overlap (at most eight comparisons). The readable definition is
`sparsescope.engines.reference.Published`; a test ties the two together.
"""

from __future__ import annotations

import numpy as np

from .compiled import kernel
from .kernels_plane import DOWN, FOUR, ONE, PAD, TWO, UP, U
from .kernels_volume import back_mixed, clip_mixed, clip_straight, finish_residual, mirror

FIELDS = 17
"""F·f, g, S, β of xx yy zz xy xz yz tt xt yt zt identity, residual, its Laplacian, and the polynomial's partial sum."""

FIRST_DUAL, IDENTITY, RESIDUAL, LAPLACIAN, PARTIAL = 3, 13, 14, 15, 16

TERMS = 10
XX, YY, ZZ, XY, XZ, YZ, TT, XT, YT, ZT = range(TERMS)

ZERO = np.float32(0)


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
def _clip_plane(m, above, here, below, xx, yy, n):
    for i in range(n):
        g = m[here + i]
        u = m[here + i - ONE] - TWO * g + m[here + i + ONE] + m[xx + i]
        v = m[above + i] - TWO * g + m[below + i] + m[yy + i]
        m[xx + i] = max(DOWN, min(UP, u))
        m[yy + i] = max(DOWN, min(UP, v))


@kernel
def _clip_with_x(m, here, one, other, first, second, n):
    for i in range(n):
        step = m[here + i + ONE] - m[here + i]
        u = m[one + i + ONE] - m[one + i] - step + m[first + i]
        v = m[other + i + ONE] - m[other + i] - step + m[second + i]
        m[first + i] = max(DOWN, min(UP, u))
        m[second + i] = max(DOWN, min(UP, v))


@kernel
def _clip_with_x_and_identity(m, here, other, dual, ident, n):
    for i in range(n):
        g = m[here + i]
        u = m[other + i + ONE] - m[other + i] - m[here + i + ONE] + g + m[dual + i]
        v = g + m[ident + i]
        m[dual + i] = max(DOWN, min(UP, u))
        m[ident + i] = max(DOWN, min(UP, v))


@kernel
def duals(m, sizes, width, first, last):
    """β ← clip(D g + β) for every term, on the rows first ≤ (t·depth + z)·height + y < last."""
    n = U(width)
    size = field_size(sizes)
    for row in range(first, last):
        t, z, y = place(row, sizes)
        here = row_at(1, t, z, y, sizes)
        below = row_at(1, t, z, y + 1, sizes)
        deeper = row_at(1, t, z + 1, y, sizes)
        later = row_at(1, t + 1, z, y, sizes)
        b = row_at(FIRST_DUAL, t, z, y, sizes)
        other = row_at(1, t, z, y - 1, sizes)
        _clip_plane(m, other, here, below, b + U(XX) * size, b + U(YY) * size, n)
        mirror(m, b + U(XX) * size, n)
        other = row_at(1, t, z - 1, y, sizes)
        clip_straight(m, other, here, deeper, b + U(ZZ) * size, n)
        other = row_at(1, t - 1, z, y, sizes)
        clip_straight(m, other, here, later, b + U(TT) * size, n)
        _clip_with_x(m, here, below, deeper, b + U(XY) * size, b + U(XZ) * size, n)
        _clip_with_x_and_identity(m, here, later, b + U(XT) * size, b + U(TERMS) * size, n)
        other = row_at(1, t, z + 1, y + 1, sizes)
        clip_mixed(m, here, below, deeper, other, b + U(YZ) * size, n)
        other = row_at(1, t + 1, z, y + 1, sizes)
        clip_mixed(m, here, below, later, other, b + U(YT) * size, n)
        other = row_at(1, t + 1, z + 1, y, sizes)
        clip_mixed(m, here, deeper, later, other, b + U(ZT) * size, n)


@kernel
def _back_plane(m, xx, yy0, yy1, yy2, xy0, xy1, out, n, wxx, wyy, wxy):
    for i in range(n):
        m[out + i] = (
            wxx * (m[xx + i - ONE] - TWO * m[xx + i] + m[xx + i + ONE])
            + wyy * (m[yy0 + i] - TWO * m[yy1 + i] + m[yy2 + i])
            + wxy * ((m[xy1 + i] - m[xy1 + i - ONE]) - (m[xy0 + i] - m[xy0 + i - ONE]))
        )


@kernel
def _back_straight_twice(m, zz0, zz1, zz2, tt0, tt1, tt2, out, n, wzz, wtt):
    for i in range(n):
        m[out + i] += wzz * (m[zz0 + i] - TWO * m[zz1 + i] + m[zz2 + i]) + wtt * (
            m[tt0 + i] - TWO * m[tt1 + i] + m[tt2 + i]
        )


@kernel
def _back_with_x_twice(m, xz0, xz1, xt0, xt1, out, n, wxz, wxt):
    for i in range(n):
        m[out + i] += wxz * ((m[xz1 + i] - m[xz1 + i - ONE]) - (m[xz0 + i] - m[xz0 + i - ONE])) + wxt * (
            (m[xt1 + i] - m[xt1 + i - ONE]) - (m[xt0 + i] - m[xt0 + i - ONE])
        )


@kernel
def back_project(m, field, out, sizes, width, row, weights, nothing):
    """Set the row `out` to Σ w Dᵀp of the ten second differences that start at `field`.

    `weights` in the order xx yy zz xy xz yz tt xt yt zt; `nothing` is a row of zeros.
    """
    n = U(width)
    t, z, y = place(row, sizes)
    yy, zz, tt, xy = field + YY, field + ZZ, field + TT, field + XY
    _back_plane(
        m, row_at(field + XX, t, z, y, sizes),
        row_at(yy, t, z, y - 1, sizes), row_at(yy, t, z, y, sizes),
        row_at(yy, t, z, y + 1, sizes),
        row_or_nothing(xy, t, z, y - 1, sizes, nothing),
        row_at(xy, t, z, y, sizes), out, n, weights[XX], weights[YY], weights[XY],
    )  # fmt: skip
    _back_straight_twice(
        m, row_at(zz, t, z - 1, y, sizes), row_at(zz, t, z, y, sizes),
        row_at(zz, t, z + 1, y, sizes), row_at(tt, t - 1, z, y, sizes),
        row_at(tt, t, z, y, sizes), row_at(tt, t + 1, z, y, sizes),
        out, n, weights[ZZ], weights[TT],
    )  # fmt: skip
    xz, xt = field + XZ, field + XT
    _back_with_x_twice(
        m, row_or_nothing(xz, t, z - 1, y, sizes, nothing),
        row_at(xz, t, z, y, sizes),
        row_or_nothing(xt, t - 1, z, y, sizes, nothing),
        row_at(xt, t, z, y, sizes), out, n, weights[XZ], weights[XT],
    )  # fmt: skip
    yz, yt, zt = field + YZ, field + YT, field + ZT
    back_mixed(
        m, row_at(yz, t, z, y, sizes), row_or_nothing(yz, t, z, y - 1, sizes, nothing),
        row_or_nothing(yz, t, z - 1, y, sizes, nothing), row_or_nothing(yz, t, z - 1, y - 1, sizes, nothing),
        out, n, weights[YZ],
    )  # fmt: skip
    back_mixed(
        m, row_at(yt, t, z, y, sizes), row_or_nothing(yt, t, z, y - 1, sizes, nothing),
        row_or_nothing(yt, t - 1, z, y, sizes, nothing), row_or_nothing(yt, t - 1, z, y - 1, sizes, nothing),
        out, n, weights[YT],
    )  # fmt: skip
    back_mixed(
        m, row_at(zt, t, z, y, sizes), row_or_nothing(zt, t, z - 1, y, sizes, nothing),
        row_or_nothing(zt, t - 1, z, y, sizes, nothing), row_or_nothing(zt, t - 1, z - 1, y, sizes, nothing),
        out, n, weights[ZT],
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
def _mix(m, r, partial, out, n, cg, cr, ct):
    for i in range(n):
        m[out + i] = cg * m[out + i] + cr * m[r + i] + ct * m[partial + i]


@kernel
def _add_laplacian(m, above, here, below, before, deeper, past, later, out, n, keep, factor, deep, late):
    for i in range(n):
        c = m[here + i]
        lap = (
            m[above + i] + m[below + i] + m[here + i - ONE] + m[here + i + ONE] - FOUR * c
            + deep * (m[before + i] + m[deeper + i] - TWO * c)
            + late * (m[past + i] + m[later + i] - TWO * c)
        )  # fmt: skip
        m[out + i] = keep * m[out + i] + factor * lap


@kernel
def _laplacian_row(m, source, t, z, y, sizes, out, n, keep, factor, deep, late):
    _add_laplacian(
        m, row_at(source, t, z, y - 1, sizes), row_at(source, t, z, y, sizes), row_at(source, t, z, y + 1, sizes),
        row_at(source, t, z - 1, y, sizes), row_at(source, t, z + 1, y, sizes),
        row_at(source, t - 1, z, y, sizes), row_at(source, t + 1, z, y, sizes), out, n, keep, factor, deep, late,
    )  # fmt: skip
    mirror(m, out, n)


@kernel
def laplacian(m, source, target, sizes, width, first, last, deep, late):
    """Field `target` ← (∂xx + ∂yy + deep ∂zz + late ∂tt) of field `source`; `deep` = √λ, `late` = √λt."""
    n = U(width)
    for row in range(first, last):
        t, z, y = place(row, sizes)
        _laplacian_row(m, source, t, z, y, sizes, row_at(target, t, z, y, sizes), n, ZERO, UP, deep, late)


@kernel
def combine(m, partial, target, sizes, width, first, last, deep, late, cr, cl, ct, cg):
    """Field `target` ← cg·target + cr·residual + cl·L(Laplacian) + ct·`partial`, L as in `laplacian`."""
    n = U(width)
    for row in range(first, last):
        t, z, y = place(row, sizes)
        out = row_at(target, t, z, y, sizes)
        _mix(m, row_at(RESIDUAL, t, z, y, sizes), row_at(partial, t, z, y, sizes), out, n, cg, cr, ct)
        _laplacian_row(m, LAPLACIAN, t, z, y, sizes, out, n, UP, cl, deep, late)

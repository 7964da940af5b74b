"""The sparse-Hessian iteration on a volume (x, y and z or t), pass by pass over rows (numba).

All arrays lie in one flat buffer, field after field; a row is addressed by the unsigned index of its first float. The
readable definition is `sparsescope.engines.reference.Published`; a test ties the two together.
"""

from __future__ import annotations

import numpy as np

from .compiled import kernel
from .kernels_plane import DOWN, FOUR, ONE, PAD, TWO, UP, U

FIELDS = 13
"""F·f, g, S, β of xx yy zz xy xz yz identity, residual, its Laplacian, and the polynomial's partial sum."""


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
def clip_straight(m, before, here, after, dual, n):
    """Set β ← clip(v + β) on one row, v = before − 2 here + after."""
    for i in range(n):
        v = m[before + i] - TWO * m[here + i] + m[after + i] + m[dual + i]
        m[dual + i] = max(DOWN, min(UP, v))


@kernel
def clip_mixed(m, here, one, other, both, dual, n):
    """Set β ← clip(v + β) on one row, v the forward–forward difference over two axes."""
    for i in range(n):
        v = m[both + i] - m[one + i] - m[other + i] + m[here + i] + m[dual + i]
        m[dual + i] = max(DOWN, min(UP, v))


@kernel
def _clip_identity(m, here, dual, n):
    for i in range(n):
        m[dual + i] = max(DOWN, min(UP, m[here + i] + m[dual + i]))


@kernel
def duals(m, depth, height, stride, width, first, last):
    """β ← clip(D g + β) for every term, on the rows first ≤ z·height + y < last."""
    n = U(width)
    for row in range(first, last):
        z, y = row // height, row % height
        here = row_at(1, z, y, depth, height, stride)
        below = row_at(1, z, y + 1, depth, height, stride)
        deeper = row_at(1, z + 1, y, depth, height, stride)
        both = row_at(1, z + 1, y + 1, depth, height, stride)
        step = U(depth * height) * U(stride)
        dual = row_at(3, z, y, depth, height, stride)
        clip_straight(m, here - ONE, here, here + ONE, dual, n)
        mirror(m, dual, n)
        clip_straight(m, row_at(1, z, y - 1, depth, height, stride), here, below, dual + step, n)
        clip_straight(m, row_at(1, z - 1, y, depth, height, stride), here, deeper, dual + step * U(2), n)
        clip_mixed(m, here, here + ONE, below, below + ONE, dual + step * U(3), n)
        clip_mixed(m, here, here + ONE, deeper, deeper + ONE, dual + step * U(4), n)
        clip_mixed(m, here, below, deeper, both, dual + step * U(5), n)
        _clip_identity(m, here, dual + step * U(6), n)


@kernel
def _back_straight(m, before, here, after, out, n, weight):
    for i in range(n):
        m[out + i] += weight * (m[before + i] - TWO * m[here + i] + m[after + i])


@kernel
def back_mixed(m, here, one, other, both, out, n, weight):
    """Add the transpose of a forward–forward difference, on one row."""
    for i in range(n):
        m[out + i] += weight * ((m[here + i] - m[one + i]) - (m[other + i] - m[both + i]))


@kernel
def back_project(m, field, out, depth, height, stride, width, z, y, weights, nothing):
    """Add Σ w Dᵀp of the six second differences that start at `field` to the row `out`.

    `weights` in the order xx yy zz xy xz yz; `nothing` is a row of zeros: mixed terms vanish beyond the first row.
    """
    n = U(width)
    here = row_at(field, z, y, depth, height, stride)
    _back_straight(m, here - ONE, here, here + ONE, out, n, weights[0])
    here = row_at(field + 1, z, y, depth, height, stride)
    before = row_at(field + 1, z, y - 1, depth, height, stride)
    _back_straight(m, before, here, row_at(field + 1, z, y + 1, depth, height, stride), out, n, weights[1])
    here = row_at(field + 3, z, y, depth, height, stride)
    before = row_at(field + 3, z, y - 1, depth, height, stride) if y > 0 else nothing
    back_mixed(m, here, here - ONE, before, before - ONE, out, n, weights[3])
    if depth > 1:
        here = row_at(field + 2, z, y, depth, height, stride)
        before = row_at(field + 2, z - 1, y, depth, height, stride)
        _back_straight(m, before, here, row_at(field + 2, z + 1, y, depth, height, stride), out, n, weights[2])
        here = row_at(field + 4, z, y, depth, height, stride)
        before = row_at(field + 4, z - 1, y, depth, height, stride) if z > 0 else nothing
        back_mixed(m, here, here - ONE, before, before - ONE, out, n, weights[4])
        here = row_at(field + 5, z, y, depth, height, stride)
        above = row_at(field + 5, z, y - 1, depth, height, stride) if y > 0 else nothing
        before = row_at(field + 5, z - 1, y, depth, height, stride) if z > 0 else nothing
        both = row_at(field + 5, z - 1, y - 1, depth, height, stride) if z > 0 and y > 0 else nothing
        back_mixed(m, here, above, before, both, out, n, weights[5])


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
        m[out : out + n] = np.float32(0)
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

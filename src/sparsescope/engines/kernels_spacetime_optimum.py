"""Accelerated projected gradient on the dual of the problem with four axes, with its duality gap (numba).

As `kernels_optimum`. Fields: target f − b − s/F, x, then p and its extrapolation q for xx yy zz xy xz yz tt xt yt zt.
"""

from __future__ import annotations

import numpy as np

from .compiled import kernel
from .kernels_optimum import ascend_mixed, ascend_straight, cut_at_zero, gap_mixed, gap_straight
from .kernels_plane import ONE, PAD, U
from .kernels_spacetime import (
    TERMS,
    TT,
    XT,
    XX,
    XY,
    XZ,
    YT,
    YY,
    YZ,
    ZT,
    ZZ,
    back_project,
    field_size,
    place,
    row_at,
)
from .kernels_volume import mirror

FIELDS = 2 + 2 * TERMS
P_FIELD, Q_FIELD = 2, 2 + TERMS


@kernel
def primal(m, field, sizes, width, first, last, unit, over):
    """Set x ← max(0, target − Dᵀp · over) with p the ten fields from `field` on; `over` = 1/F, `unit` = ten ones."""
    n = U(width)
    nothing = U(FIELDS) * field_size(sizes) + U(PAD)
    for row in range(first, last):
        t, z, y = place(row, sizes)
        out = row_at(1, t, z, y, sizes)
        back_project(m, field, out, sizes, width, row, unit, nothing)
        cut_at_zero(m, row_at(0, t, z, y, sizes), out, n, over)
        mirror(m, out, n)


@kernel
def _near(t, z, y, sizes):
    """Rows of x: here, below, deeper, later."""
    return (
        row_at(1, t, z, y, sizes),
        row_at(1, t, z, y + 1, sizes),
        row_at(1, t, z + 1, y, sizes),
        row_at(1, t + 1, z, y, sizes),
    )


@kernel
def ascend(m, sizes, width, first, last, bounds, step, momentum, turn):
    """p⁺ ← clip(q + step·D x, ±w), q ← p⁺ + momentum (p⁺ − p), p ← p⁺; `turn[row]` = Σ (q − p⁺)(p⁺ − p)."""
    n, size = U(width), field_size(sizes)
    for row in range(first, last):
        t, z, y = place(row, sizes)
        here, below, deeper, later = _near(t, z, y, sizes)
        p, q = row_at(P_FIELD, t, z, y, sizes), row_at(Q_FIELD, t, z, y, sizes)
        o = U(XX) * size
        total = np.float64(
            ascend_straight(m, here - ONE, here, here + ONE, p + o, q + o, n, bounds[XX], step, momentum)
        )
        mirror(m, p + o, n)
        mirror(m, q + o, n)
        o, other = U(YY) * size, row_at(1, t, z, y - 1, sizes)
        total += ascend_straight(m, other, here, below, p + o, q + o, n, bounds[YY], step, momentum)
        o, other = U(ZZ) * size, row_at(1, t, z - 1, y, sizes)
        total += ascend_straight(m, other, here, deeper, p + o, q + o, n, bounds[ZZ], step, momentum)
        o, other = U(TT) * size, row_at(1, t - 1, z, y, sizes)
        total += ascend_straight(m, other, here, later, p + o, q + o, n, bounds[TT], step, momentum)
        o = U(XY) * size
        total += ascend_mixed(m, here, here + ONE, below, below + ONE, p + o, q + o, n, bounds[XY], step, momentum)
        o = U(XZ) * size
        total += ascend_mixed(m, here, here + ONE, deeper, deeper + ONE, p + o, q + o, n, bounds[XZ], step, momentum)
        o = U(XT) * size
        total += ascend_mixed(m, here, here + ONE, later, later + ONE, p + o, q + o, n, bounds[XT], step, momentum)
        o, other = U(YZ) * size, row_at(1, t, z + 1, y + 1, sizes)
        total += ascend_mixed(m, here, below, deeper, other, p + o, q + o, n, bounds[YZ], step, momentum)
        o, other = U(YT) * size, row_at(1, t + 1, z, y + 1, sizes)
        total += ascend_mixed(m, here, below, later, other, p + o, q + o, n, bounds[YT], step, momentum)
        o, other = U(ZT) * size, row_at(1, t + 1, z + 1, y, sizes)
        total += ascend_mixed(m, here, deeper, later, other, p + o, q + o, n, bounds[ZT], step, momentum)
        turn[row] = total


@kernel
def gap(m, sizes, width, first, last, bounds, out):
    """`out[row]` ← Σ w|D x| − p·D x over a row: summed over all rows, the duality gap at x(p)."""
    n, size = U(width), field_size(sizes)
    for row in range(first, last):
        t, z, y = place(row, sizes)
        here, below, deeper, later = _near(t, z, y, sizes)
        p = row_at(P_FIELD, t, z, y, sizes)
        total = np.float64(gap_straight(m, here - ONE, here, here + ONE, p + U(XX) * size, n, bounds[XX]))
        other = row_at(1, t, z, y - 1, sizes)
        total += gap_straight(m, other, here, below, p + U(YY) * size, n, bounds[YY])
        other = row_at(1, t, z - 1, y, sizes)
        total += gap_straight(m, other, here, deeper, p + U(ZZ) * size, n, bounds[ZZ])
        other = row_at(1, t - 1, z, y, sizes)
        total += gap_straight(m, other, here, later, p + U(TT) * size, n, bounds[TT])
        total += gap_mixed(m, here, here + ONE, below, below + ONE, p + U(XY) * size, n, bounds[XY])
        total += gap_mixed(m, here, here + ONE, deeper, deeper + ONE, p + U(XZ) * size, n, bounds[XZ])
        total += gap_mixed(m, here, here + ONE, later, later + ONE, p + U(XT) * size, n, bounds[XT])
        other = row_at(1, t, z + 1, y + 1, sizes)
        total += gap_mixed(m, here, below, deeper, other, p + U(YZ) * size, n, bounds[YZ])
        other = row_at(1, t + 1, z, y + 1, sizes)
        total += gap_mixed(m, here, below, later, other, p + U(YT) * size, n, bounds[YT])
        other = row_at(1, t + 1, z + 1, y, sizes)
        total += gap_mixed(m, here, deeper, later, other, p + U(ZT) * size, n, bounds[ZT])
        out[row] = total

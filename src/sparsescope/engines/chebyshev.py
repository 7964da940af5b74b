"""Short polynomials that invert a + L², so that the sparse stage needs no Fourier transform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.polynomial import Chebyshev, Polynomial

MAX_DEGREE = 10
"""Longest polynomial worth applying; beyond it a solve by cosine transforms is cheaper."""

ACCURACY = 0.01
"""Largest relative residual of one linear solve. The iteration corrects what a solve leaves over: 100 iterations at
0.01 end within 5e-6 of the maximum of exact solves at fidelities from 50, within 1e-4 below (test_plane.py)."""


def inverse_polynomial(
    offset: float, bound: float, accuracy: float = ACCURACY
) -> tuple[npt.NDArray[np.float32], float] | None:
    r"""Polynomial p with p(u) ≈ 1 / (offset + u) on 0 ≤ u ≤ bound, in powers of (u − bound/2).

    Parameters
    ----------
    offset : float
        The positive constant a of the operator a + L².
    bound : float
        Largest eigenvalue of L².
    accuracy : float
        Largest relative residual \|1 − (a + u) p(u)\| allowed.

    Returns
    -------
    tuple of (coefficients, centre) or None
        float32 coefficients, lowest power first, and the centre of expansion bound/2; None where more than
        `MAX_DEGREE` would be needed.

    Notes
    -----
    Of all polynomials of degree n + 1 with value 1 at u = −a, the scaled Chebyshev polynomial T_{n+1} has the least
    maximum; as the residual 1 − (a + u) p(u) it determines p (Golub & Varga, Numer. Math. 3, 147–156, 1961).

    Examples
    --------
    >>> coefficients, centre = inverse_polynomial(250.0, 64.0)
    >>> len(coefficients) - 1, centre
    (1, 32.0)
    """
    centre = bound / 2
    pole = -(offset + centre) / centre
    for degree in range(1, MAX_DEGREE + 1):
        chebyshev = Chebyshev.basis(degree + 1).convert(kind=Polynomial)
        if abs(chebyshev(pole)) * accuracy >= 1:
            quotient, _ = divmod(1 - chebyshev / chebyshev(pole), Polynomial([-pole, 1.0]))
            return (np.asarray(quotient.coef, np.float64) / centre ** np.arange(1, degree + 2)).astype(
                np.float32
            ), centre
    return None

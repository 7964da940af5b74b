"""The polynomial that stands for the inverse: its residual on the whole interval, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsescope.engines.chebyshev import ACCURACY, MAX_DEGREE, inverse_polynomial

bounds = st.sampled_from([64.0, 100.0, (8 + 4 * 2**0.5) ** 2])


def residual(offset: float, bound: float, polynomial: tuple[np.ndarray, float]) -> float:
    """Largest |1 − (offset + u) p(u)| on the interval, on a fine grid that has both ends."""
    u = np.linspace(0, bound, 20001)
    coefficients, centre = polynomial
    value = np.polynomial.polynomial.polyval(u - centre, coefficients.astype(np.float64))
    return float(np.abs(1 - (offset + u) * value).max())


@given(st.floats(3.0, 1e7), bounds, st.sampled_from([0.1, ACCURACY, 1e-3, 1e-5]))
def test_the_residual_is_within_the_accuracy_on_the_whole_interval(
    offset: float, bound: float, accuracy: float
) -> None:
    polynomial = inverse_polynomial(offset, bound, accuracy)
    if polynomial is not None:
        assert residual(offset, bound, polynomial) <= accuracy * 1.001 + 2e-6  # float32 coefficients
        assert polynomial[0].dtype == np.float32
        assert polynomial[1] == bound / 2
        assert 1 <= len(polynomial[0]) - 1 <= MAX_DEGREE


@pytest.mark.parametrize("bound", [64.0, 117.25])
def test_no_shorter_polynomial_would_do(bound: float) -> None:
    """By the theory of Chebyshev the best residual of degree n is 1/|T(−1 − 2a/bound)| with T of degree n + 1."""
    for offset in np.geomspace(4, 1e4, 40):
        polynomial = inverse_polynomial(offset, bound)
        if polynomial is None:
            continue
        degree = len(polynomial[0]) - 1
        angle = np.arccosh(1 + 2 * offset / bound)
        assert 1 / np.cosh((degree + 1) * angle) <= ACCURACY
        assert degree == 1 or 1 / np.cosh(degree * angle) > ACCURACY


def test_degree_falls_as_the_offset_grows() -> None:
    polynomials = [inverse_polynomial(offset, 64.0) for offset in (4, 8, 20, 50, 100, 1000)]
    degrees = [len(p[0]) - 1 for p in polynomials if p is not None]
    assert degrees == [10, 7, 4, 3, 2, 1]


@pytest.mark.parametrize("offset", [1e-6, 0.5, 3.0])
def test_there_is_none_where_it_would_be_too_long(offset: float) -> None:
    assert inverse_polynomial(offset, 64.0) is None

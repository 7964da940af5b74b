"""What the sparse stage takes from intensities, and what gives it back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsescope.engines import HessianTerms, pick
from sparsescope.solvers.intensity import restoring, unbiased
from sparsescope.solvers.loop import solve
from sparsescope.solvers.sparse_hessian import CertifiedHessian, PublishedHessian


@given(st.floats(0, 1, width=32), st.floats(0.1, 500), st.floats(0, 50))
def test_soft_thresholding_followed_by_it_is_firm_thresholding(value: float, fidelity: float, sparsity: float) -> None:
    t = sparsity / fidelity
    soft = np.array([max(value - t, 0.0)], np.float32)
    firm = 0.0 if value <= t else 2 * (value - t) if value <= 2 * t else value
    assert unbiased(soft, HessianTerms(fidelity, sparsity))[0] == pytest.approx(firm, abs=3e-7)


def test_it_gives_a_new_array_and_none_without_sparsity_is_changed() -> None:
    minimiser = np.random.default_rng(0).random((5, 6), np.float32)
    before = minimiser.copy()
    assert not np.shares_memory(unbiased(minimiser, HessianTerms(100.0, 3.0)), minimiser)
    np.testing.assert_array_equal(unbiased(minimiser, HessianTerms(100.0, 0.0)), before)
    np.testing.assert_array_equal(minimiser, before)


@pytest.mark.parametrize("certified", [True, False])
def test_steps_keep_their_heights_at_the_optimum_and_in_the_published_iteration(certified: bool) -> None:
    terms = HessianTerms(400.0, 16.0)  # takes 0.04 of the maximum from every pixel
    data = np.full((64, 96), 1.0, np.float32)
    data[:, 32:64], data[:, 64:] = 0.1, 0.03
    engine = pick(threads=1)
    method = CertifiedHessian(engine, terms, 1e-5) if certified else PublishedHessian(engine, terms, 400)
    minimiser = solve(method, data).value * np.float32(1 if certified else restoring(terms))
    middles = [32, 16, 48, 80]
    assert minimiser[middles[0], 16] == pytest.approx(0.96, abs=2e-3)
    given_back = unbiased(minimiser, terms)[32, middles[1:]]
    np.testing.assert_allclose(given_back, [1.0, 0.1, 0.0], atol=3e-3)

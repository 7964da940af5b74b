"""The plain-array definitions themselves: against a textbook split Bregman with dense matrices, and one another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from problems import dense_second_difference, scene
from sparsescope.engines import HessianTerms
from sparsescope.engines.reference import NumpyEngine, Optimum, Published
from sparsescope.operators import hessian_weights

Array = npt.NDArray[np.float64]


def shrink(v: Array, threshold: float) -> Array:
    return np.sign(v) * np.maximum(np.abs(v) - threshold, 0)


def test_the_split_variable_is_the_proximal_point_of_the_absolute_value() -> None:
    grid = np.linspace(0, 4, 40001)
    iteration = Published(np.zeros((1, 61)), HessianTerms(100.0, 1.0))
    iteration.g[0] = np.linspace(-3, 3, 61)
    best = [grid[np.argmin(np.abs(grid) + (grid - v) ** 2 / 2)] for v in iteration.g[0]]
    np.testing.assert_allclose(iteration.split()[0], best, rtol=0, atol=1.1e-4)


def textbook(data: Array, terms: HessianTerms, count: int) -> tuple[Array, Array]:
    """Split Bregman with soft thresholds, separate dual updates and dense matrices: g, and d of the identity."""
    F, s, size = terms.fidelity, terms.sparsity, data.size
    weights = hessian_weights(terms.continuity, data.ndim, terms.continuity_t)
    operators = [(w, dense_second_difference(data.shape, term)) for term, w in weights.items()] + [(s, np.eye(size))]
    K = (F + s**2) * np.eye(size) + sum(w * D.T @ D for w, D in operators[:-1])
    g, b = data.ravel(), [np.zeros(size) for _ in operators]
    for _ in range(count):
        rhs = F * data.ravel()
        for i, (w, D) in enumerate(operators):
            d = shrink(D @ g + b[i], 1.0)
            b[i] = b[i] + D @ g - d
            rhs = rhs + w * D.T @ (d - b[i])
        g = np.linalg.solve(K, rhs)
    return g.reshape(data.shape), shrink(g + b[-1], 1.0).reshape(data.shape)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (6, 7), (1, 4, 5), (2, 4, 3), (4, 5, 3), (3, 2, 3, 4)])
@pytest.mark.parametrize(
    "terms",
    [HessianTerms(150.0, 10.0, 0.5, 0.25), HessianTerms(2.0, 0.5, 2.0, 3.0), HessianTerms(30.0, 0.0, 0.0)],
    ids=str,
)
def test_the_definition_is_the_textbook_iteration(shape: tuple[int, ...], terms: HessianTerms) -> None:
    data = scene(shape, seed=6).astype(np.float64)
    iteration = Published(data, terms)
    iteration.advance(25)
    g, d = textbook(data, terms, 25)
    np.testing.assert_allclose(iteration.g, g, rtol=0, atol=1e-11)
    np.testing.assert_allclose(iteration.split(), np.maximum(d, 0), rtol=0, atol=1e-6)
    np.testing.assert_allclose(iteration.estimate(), np.maximum(g, 0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("sparsity", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(14, 15), (4, 7, 8)])
def test_run_long_the_published_iteration_and_the_certified_one_meet(shape: tuple[int, ...], sparsity: float) -> None:
    """Where s is 0 or 1 the published s² is s, and on positive data the constraint x ≥ 0 does nothing."""
    data, terms = scene(shape).astype(np.float64) + 1.5, HessianTerms(60.0, sparsity, 0.5)
    published, certified = Published(data, terms), Optimum(data, terms)
    published.advance(1500)
    certified.advance(1500)
    assert published.g.min() > 0
    np.testing.assert_allclose(published.g, certified._primal(certified.p), rtol=0, atol=1e-3)


def test_the_arithmetic_is_that_of_the_type_asked_for() -> None:
    data, terms = scene((20, 21)), HessianTerms(150.0, 10.0)
    single, double = NumpyEngine(), NumpyEngine(1, np.float64)
    assert single.published(data, terms).g.dtype == np.float32
    assert double.published(data, terms).g.dtype == np.float64
    for engine in (single, double):
        iteration = engine.published(data, terms)
        iteration.advance(3)
        assert iteration.g.dtype == engine.dtype
        assert iteration.estimate().dtype == np.float32

"""What the two ends of the sparse stage mean: the published count, and a proven distance."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from problems import TERMS, rms, scene
from sparsescope.engines import pick
from sparsescope.engines.reference import NumpyEngine
from sparsescope.solvers.loop import Outcome, solve
from sparsescope.solvers.sparse_hessian import CertifiedHessian, PublishedHessian

ENGINE = pick("cpu", 2)
DEFAULT = TERMS["default"]


@pytest.mark.parametrize("count", [1, 2, 30])
def test_the_published_count_has_one_solve_less(count: int) -> None:
    data = scene((30, 31))
    iteration = ENGINE.published(data, DEFAULT)
    iteration.advance(count - 1)
    solution = solve(PublishedHessian(ENGINE, DEFAULT, count), data)
    assert solution.iterations == count - 1
    assert np.array_equal(solution.value, iteration.estimate())


def test_exact_zeros_come_from_the_split_variable() -> None:
    data = scene((30, 31))
    iteration = ENGINE.published(data, DEFAULT)
    iteration.advance(99)
    plain = solve(PublishedHessian(ENGINE, DEFAULT), data).value
    zeros = solve(PublishedHessian(ENGINE, DEFAULT, exact_zeros=True), data).value
    assert np.array_equal(plain, iteration.estimate())
    assert np.array_equal(zeros, iteration.split())
    assert np.mean(zeros == 0) > 0.3


@cache
def long_run(shape: tuple[int, ...]) -> tuple[npt.NDArray[np.float32], float]:
    """Optimum, and how near it is proven to be."""
    iteration = NumpyEngine(1, np.float64).optimum(scene(shape), DEFAULT)
    iteration.advance(1200)
    return iteration.estimate(), iteration.distance_bound()


@pytest.mark.parametrize("engine", ["cpu", "numpy"])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-3])
@pytest.mark.parametrize("shape", [(30, 31), (4, 13, 15)])
def test_a_certified_result_is_within_its_tolerance_of_the_optimum(
    shape: tuple[int, ...], tolerance: float, engine: str
) -> None:
    data = scene(shape)
    optimum, proven = long_run(shape)
    assert proven < 0.2 * tolerance
    solution = solve(CertifiedHessian(pick(engine), DEFAULT, tolerance), data)
    assert solution.outcome is Outcome.CONVERGED
    assert rms(solution.value - optimum) <= tolerance + proven
    assert (solution.value == 0).any()

"""The certified optimum: against an independent solver, closed forms, and a bound that is true."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from scipy import optimize

from problems import dense_second_difference, objective, rms, scene
from sparsescope.engines import TABLE, HessianTerms, pick
from sparsescope.engines.cpu import CpuEngine
from sparsescope.engines.momentum import rms_bound
from sparsescope.engines.reference import NumpyEngine
from sparsescope.operators import hessian_weights

Float32Array = npt.NDArray[np.float32]
ENGINES = list(TABLE)

TINY = {
    "plane": ((6, 5), HessianTerms(30.0, 3.0)),
    "no sparsity": ((5, 5), HessianTerms(10.0, 0.0)),
    "row": ((1, 12), HessianTerms(20.0, 1.0)),
    "stack": ((3, 3, 4), HessianTerms(40.0, 2.0, 0.5)),
    "stack of rows": ((4, 1, 5), HessianTerms(40.0, 2.0, 2.0)),
    "no continuity": ((3, 3, 3), HessianTerms(25.0, 1.0, 0.0)),
    "movie of stacks": ((3, 2, 3, 3), HessianTerms(40.0, 2.0, 0.5, 0.25)),
}


@cache
def dual_optimum(name: str) -> tuple[float, npt.NDArray[np.float64]]:
    """Largest lower bound of the objective that L-BFGS-B finds over the box of dual variables, and its x."""
    shape, terms = TINY[name]
    data = scene(shape, seed=4)
    weights = hessian_weights(terms.continuity, data.ndim, terms.continuity_t)
    D = np.concatenate([w * dense_second_difference(data.shape, term) for term, w in weights.items() if w > 0])
    f, F, s = data.ravel().astype(np.float64), terms.fidelity, terms.sparsity

    def x_of(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.maximum(0, f - (s + D.T @ p) / F)

    def negative(p: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        x = x_of(p)
        return -(F / 2 * ((f - x) ** 2).sum() + s * x.sum() + p @ D @ x), -D @ x

    found = optimize.minimize(
        negative, np.zeros(len(D)), jac=True, method="L-BFGS-B", bounds=[(-1, 1)] * len(D),
        options={"maxiter": 20000, "maxfun": 40000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 30},
    )  # fmt: skip
    return -found.fun, x_of(found.x).reshape(data.shape)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TINY)
def test_an_independent_solver_finds_the_same_optimum(name: str, engine: str) -> None:
    shape, terms = TINY[name]
    data = scene(shape, seed=4)
    lower, x = dual_optimum(name)
    iteration = pick(engine).optimum(data, terms)
    iteration.advance(700)
    value = iteration.estimate()
    assert value.any()
    np.testing.assert_allclose(value, x, rtol=0, atol=2e-4)
    best = objective(value, data, terms)
    assert lower - 1e-6 <= best <= lower + 1e-4 * lower, "no smaller objective exists: the dual value proves it"


@pytest.mark.parametrize("name", TINY)
def test_any_step_away_from_the_optimum_raises_the_objective(name: str) -> None:
    shape, terms = TINY[name]
    data, rng = scene(shape, seed=4), np.random.default_rng(0)
    iteration = NumpyEngine(1, np.float64).optimum(data, terms)
    iteration.advance(1000)
    best = iteration._primal(iteration.p)
    reached = objective(best, data, terms)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(20):
            other = np.maximum(0, best + size * rng.standard_normal(shape))
            assert objective(other, data, terms) > reached


@cache
def long_run(shape: tuple[int, ...], terms: HessianTerms) -> tuple[npt.NDArray[np.float64], float]:
    """Optimum in float64, and how near it is proven to be."""
    iteration = NumpyEngine(1, np.float64).optimum(scene(shape), terms)
    iteration.advance(2500)
    return iteration._primal(iteration.p), iteration.distance_bound()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("shape", "terms"), [((19, 23), HessianTerms(150.0, 10.0)), ((4, 9, 10), HessianTerms(50.0, 1.0, 0.5))]
)
def test_the_bound_is_true_at_every_stage_and_falls_to_any_tolerance(
    shape: tuple[int, ...], terms: HessianTerms, engine: str
) -> None:
    optimum, proven = long_run(shape, terms)
    assert proven < 1e-4
    iteration, bounds = pick(engine).optimum(scene(shape), terms), []
    for count in (0, 1, 4, 20, 50, 100, 300):
        iteration.advance(count)
        distance, bound = rms(iteration.estimate() - optimum), iteration.distance_bound()
        assert distance <= bound + proven
        bounds.append(bound)
    assert bounds[0] > 0.01
    assert bounds[-1] < 1e-3
    assert bounds[-1] < bounds[-3] < bounds[0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [(12, 13), (3, 6, 7)])
@pytest.mark.parametrize(
    ("value", "sparsity", "expected"), [(0.8, 10.0, 0.7), (0.8, 0.0, 0.8), (0.05, 10.0, 0.0), (-0.5, 0.0, 0.0)]
)
def test_a_constant_image_shrinks_by_sparsity_over_fidelity(
    value: float, sparsity: float, expected: float, shape: tuple[int, ...], engine: str
) -> None:
    iteration = pick(engine).optimum(np.full(shape, value, np.float32), HessianTerms(100.0, sparsity, 0.5))
    iteration.advance(30)
    np.testing.assert_allclose(iteration.estimate(), expected, rtol=0, atol=1e-6)
    assert iteration.distance_bound() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_single_pixel_has_no_neighbours_to_be_like(engine: str) -> None:
    iteration = pick(engine).optimum(np.array([[0.6]], np.float32), HessianTerms(100.0, 20.0))
    iteration.advance(5)
    assert iteration.estimate()[0, 0] == pytest.approx(0.4, abs=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [(20, 21), (3, 8, 9)])
def test_so_much_sparsity_that_nothing_is_left_leaves_exactly_nothing(shape: tuple[int, ...], engine: str) -> None:
    iteration = pick(engine).optimum(scene(shape), HessianTerms(100.0, 101.0, 0.5))
    iteration.advance(10)
    assert not iteration.estimate().any()
    assert iteration.distance_bound() == 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [(20, 21), (3, 8, 9)])
def test_with_priors_that_weigh_nothing_the_data_are_cut_at_zero(shape: tuple[int, ...], engine: str) -> None:
    data = scene(shape)
    iteration = pick(engine).optimum(data, HessianTerms(1e6, 0.0, 0.5))
    iteration.advance(5)
    np.testing.assert_allclose(iteration.estimate(), np.maximum(data, 0), rtol=0, atol=64 / 1e6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [(40, 41), (4, 20, 21)])
def test_the_optimum_has_exact_zeros(shape: tuple[int, ...], engine: str) -> None:
    data = scene(shape)
    iteration = pick(engine).optimum(data, HessianTerms(50.0, 10.0, 0.5))
    iteration.advance(200)
    value = iteration.estimate()
    assert 0.2 < np.mean(value == 0) < 0.95
    assert value.max() > 0.1


@pytest.mark.parametrize("shape", [(31, 40), (5, 12, 17)])
def test_the_kernels_are_the_definition(shape: tuple[int, ...]) -> None:
    data, terms = scene(shape), HessianTerms(60.0, 2.0, 0.7)
    fused, exact = CpuEngine(2).optimum(data, terms), NumpyEngine(1, np.float64).optimum(data, terms)
    for count in (1, 2, 9):  # few: the moment of a restart may differ by rounding
        fused.advance(count)
        exact.advance(count)
        np.testing.assert_allclose(fused.estimate(), exact.estimate(), rtol=0, atol=2e-6)
        assert fused.distance_bound() == pytest.approx(exact.distance_bound(), rel=1e-3)


@pytest.mark.parametrize("shape", [(31, 40), (5, 12, 17)])
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_no_bit_depends_on_the_number_of_threads(threads: int, shape: tuple[int, ...]) -> None:
    data, terms = scene(shape), HessianTerms(60.0, 2.0, 0.7)
    one, many = CpuEngine(1).optimum(data, terms), CpuEngine(threads).optimum(data, terms)
    one.advance(60)
    many.advance(60)
    assert np.array_equal(one.estimate(), many.estimate())
    assert one.distance_bound() == many.distance_bound()


def test_a_gap_that_is_not_finite_proves_nothing() -> None:
    assert rms_bound(math.nan, 1.0, 4) == rms_bound(math.inf, 1.0, 4) == math.inf
    assert rms_bound(-1e-9, 1.0, 4) == 0
    assert rms_bound(8.0, 4.0, 1) == 2

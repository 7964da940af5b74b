"""Kernels on movies of volumes: the published iteration and the certified optimum with continuity along z and t."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from problems import PolynomialIteration, rms, scene
from sparsescope.engines import TABLE, HessianTerms, pick
from sparsescope.engines.chebyshev import inverse_polynomial
from sparsescope.engines.cpu import CpuEngine
from sparsescope.engines.cpu_spacetime import CertifiedSpacetime, PublishedSpacetime
from sparsescope.engines.reference import NumpyEngine, Published
from sparsescope.operators import laplacian_bound

Float32Array = npt.NDArray[np.float32]
ENGINES = list(TABLE)

FIDELITY_OF_DEGREE = {1: 900.0, 2: 350.0, 3: 150.0, 4: 85.0, 6: 37.0, 9: 16.5}
"""Fidelity, with no sparsity and continuities of 1/2 and 1/2, whose inverse takes a polynomial of that degree."""

SHAPES = [
    (1, 1, 1, 1),
    (3, 1, 4, 5),
    (1, 3, 4, 5),
    (4, 3, 1, 6),
    (4, 3, 6, 1),
    (2, 2, 2, 2),
    (1, 1, 7, 8),
    (7, 6, 1, 1),
    (5, 6, 11, 19),
]


def run(data: Float32Array, terms: HessianTerms, count: int, threads: int = 1) -> tuple[Float32Array, Float32Array]:
    iteration = CpuEngine(threads).published(data, terms)
    assert isinstance(iteration, PublishedSpacetime)
    iteration.advance(count)
    return iteration.estimate(), iteration.split()


def defined(data: Float32Array, terms: HessianTerms, count: int) -> PolynomialIteration:
    bound = laplacian_bound(terms.continuity, 4, terms.continuity_t)
    polynomial = inverse_polynomial(terms.fidelity + terms.sparsity**2, bound)
    assert polynomial is not None
    iteration = PolynomialIteration(data, terms, polynomial)
    iteration.advance(count)
    return iteration


@pytest.mark.parametrize("degree", FIDELITY_OF_DEGREE)
def test_the_kernels_are_the_definition_for_every_degree(degree: int) -> None:
    terms = HessianTerms(FIDELITY_OF_DEGREE[degree] - 0.25, 0.5, 0.5, 0.5)
    data = scene((4, 5, 13, 21), seed=degree)
    expected = defined(data, terms, 13)
    assert len(expected.coefficients) - 1 == degree
    estimate, split = run(data, terms, 13)
    np.testing.assert_allclose(estimate, expected.estimate(), rtol=0, atol=3e-6)
    np.testing.assert_allclose(split, expected.split(), rtol=0, atol=3e-5)


@pytest.mark.parametrize("weights", [(0.0, 0.7), (0.5, 0.0), (0.5, 2.0)])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_are_the_definition_for_every_shape_and_continuity(
    shape: tuple[int, ...], weights: tuple[float, float]
) -> None:
    terms = HessianTerms(150.0, 3.0, *weights)
    data = scene(shape, seed=1)
    estimate, split = run(data, terms, 12)
    expected = defined(data, terms, 12)
    np.testing.assert_allclose(estimate, expected.estimate(), rtol=0, atol=3e-6)
    np.testing.assert_allclose(split, expected.split(), rtol=0, atol=3e-5)


@pytest.mark.parametrize("terms", [HessianTerms(150.0, 10.0, 0.5, 0.5), HessianTerms(60.0, 1.0, 0.2, 3.0)], ids=str)
def test_a_hundred_iterations_agree_with_exact_solves(terms: HessianTerms) -> None:
    data = scene((5, 6, 17, 18), seed=2)
    exact = NumpyEngine(1, np.float64).published(data, terms)
    exact.advance(99)
    assert np.abs(run(data, terms, 99)[0] - exact.estimate()).max() <= 1e-5


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_no_bit_depends_on_the_number_of_threads(threads: int) -> None:
    data, terms = scene((3, 4, 9, 41)), HessianTerms(90.0, 1.0, 0.5, 0.25)
    for a, b in zip(run(data, terms, 9), run(data, terms, 9, threads), strict=True):
        assert np.array_equal(a, b)
    one, many = CpuEngine(1).optimum(data, terms), CpuEngine(threads).optimum(data, terms)
    one.advance(40)
    many.advance(40)
    assert np.array_equal(one.estimate(), many.estimate())
    assert one.distance_bound() == many.distance_bound()


STEPS = {"published": (30, 2e-5), "optimum": (600, 1e-3)}
"""Steps to take, and how near the results then are: polynomials and step lengths depend on the number of axes."""


@pytest.mark.parametrize("kind", STEPS)
def test_without_continuity_along_t_each_time_point_is_a_stack_of_its_own(kind: str) -> None:
    data, engine = scene((3, 4, 14, 17)), CpuEngine(1)
    count, within = STEPS[kind]
    together = getattr(engine, kind)(data, HessianTerms(150.0, 10.0, 0.5, 0.0))
    together.advance(count)
    for stack, expected in zip(data, together.estimate(), strict=True):
        alone = getattr(engine, kind)(stack, HessianTerms(150.0, 10.0, 0.5))
        alone.advance(count)
        np.testing.assert_allclose(alone.estimate(), expected, rtol=0, atol=within)


@pytest.mark.parametrize("kind", STEPS)
def test_without_continuity_along_z_each_plane_is_a_movie_of_its_own(kind: str) -> None:
    data, engine = scene((4, 3, 14, 17)), CpuEngine(1)
    count, within = STEPS[kind]
    together = getattr(engine, kind)(data, HessianTerms(150.0, 10.0, 0.0, 0.5))
    together.advance(count)
    for z in range(3):
        alone = getattr(engine, kind)(data[:, z], HessianTerms(150.0, 10.0, 0.5))
        alone.advance(count)
        np.testing.assert_allclose(alone.estimate(), together.estimate()[:, z], rtol=0, atol=within)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["published", "optimum"])
def test_swapping_z_and_t_with_their_weights_swaps_the_result(kind: str, engine: str) -> None:
    data = scene((4, 6, 9, 13))
    a = getattr(pick(engine), kind)(data, HessianTerms(120.0, 5.0, 0.3, 1.5))
    b = getattr(pick(engine), kind)(np.swapaxes(data, 0, 1), HessianTerms(120.0, 5.0, 1.5, 0.3))
    for iteration in (a, b):
        iteration.advance(25)
    np.testing.assert_allclose(np.swapaxes(b.estimate(), 0, 1), a.estimate(), rtol=0, atol=2e-6)
    other = getattr(pick(engine), kind)(data, HessianTerms(120.0, 5.0, 1.5, 0.3))
    other.advance(25)
    assert np.abs(other.estimate() - a.estimate()).max() > 1e-3, "which weight belongs to which axis matters"


def test_pixels_that_are_forgotten_do_not_matter() -> None:
    data, terms = scene((3, 4, 12, 13)), HessianTerms(150.0, 3.0, 0.5, 0.5)
    hidden = np.random.default_rng(0).random(data.shape) < 0.1
    results = []
    for value in (0.0, 1.0):
        iteration = CpuEngine(2).published(np.where(hidden, np.float32(value), data), terms)
        for _ in range(60):
            iteration.advance(5)
            iteration.forget(hidden)
        results.append(iteration.estimate())
    np.testing.assert_allclose(*results, rtol=0, atol=2e-2)


def test_a_fidelity_too_weak_for_a_polynomial_is_solved_exactly() -> None:
    data, terms = scene((3, 4, 9, 8)), HessianTerms(0.5, 0.0, 0.5, 0.5)
    iteration = CpuEngine(2).published(data, terms)
    assert isinstance(iteration, Published)
    iteration.advance(20)
    exact = NumpyEngine(1, np.float64).published(data, terms)
    exact.advance(20)
    np.testing.assert_allclose(iteration.estimate(), exact.estimate(), rtol=0, atol=3e-6)


@pytest.mark.parametrize("shape", [(4, 3, 8, 11), (1, 4, 5, 6), (4, 1, 1, 9)])
def test_the_kernels_of_the_optimum_are_the_definition(shape: tuple[int, ...]) -> None:
    data, terms = scene(shape), HessianTerms(60.0, 2.0, 0.7, 0.4)
    fused, exact = CpuEngine(2).optimum(data, terms), NumpyEngine(1, np.float64).optimum(data, terms)
    assert isinstance(fused, CertifiedSpacetime)
    for count in (1, 2, 9):  # few: the moment of a restart may differ by rounding
        fused.advance(count)
        exact.advance(count)
        np.testing.assert_allclose(fused.estimate(), exact.estimate(), rtol=0, atol=2e-6)
        assert fused.distance_bound() == pytest.approx(exact.distance_bound(), rel=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_optimum_comes_as_near_as_is_asked_and_its_bound_is_true(engine: str) -> None:
    data, terms = scene((4, 3, 7, 8)), HessianTerms(50.0, 1.0, 0.5, 0.25)
    judge = NumpyEngine(1, np.float64).optimum(data, terms)
    judge.advance(1500)
    iteration = pick(engine).optimum(data, terms)
    bounds = []
    for count in (0, 5, 45, 450):
        iteration.advance(count)
        bounds.append(iteration.distance_bound())
        assert rms(iteration.estimate() - judge.estimate()) <= bounds[-1] + judge.distance_bound() + 1e-7
    assert bounds[-1] < 2e-3 < bounds[0]

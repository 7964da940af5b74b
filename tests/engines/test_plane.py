"""Fused kernels of the published iteration on a plane: rounding apart they are the definition, however they are cut."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from problems import PolynomialIteration, scene
from sparsescope.engines import HessianTerms, cpu, kernels_plane, tiles
from sparsescope.engines.chebyshev import inverse_polynomial
from sparsescope.engines.cpu import CpuEngine, PublishedPlane
from sparsescope.engines.reference import NumpyEngine, Published

BOUND = 64.0

FIDELITY_OF_DEGREE = {1: 400.0, 2: 100.0, 3: 45.0, 4: 25.0, 5: 16.0, 6: 11.0, 7: 8.4, 8: 6.4, 9: 5.1, 10: 4.1}
"""Fidelity, with no sparsity, whose inverse takes a polynomial of that degree."""

SHAPES = [(1, 1), (1, 2), (1, 9), (9, 1), (2, 2), (3, 50), (50, 3), (33, 47), (64, 64), (71, 40)]


def run(
    data: npt.NDArray[np.float32], terms: HessianTerms, count: int, threads: int = 1
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    iteration = CpuEngine(threads).published(data, terms)
    assert isinstance(iteration, PublishedPlane)
    iteration.advance(count)
    return iteration.estimate(), iteration.split()


def defined(data: npt.NDArray[np.float32], terms: HessianTerms, count: int) -> PolynomialIteration:
    polynomial = inverse_polynomial(terms.fidelity + terms.sparsity**2, BOUND)
    assert polynomial is not None
    iteration = PolynomialIteration(data, terms, polynomial)
    iteration.advance(count)
    return iteration


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("degree", FIDELITY_OF_DEGREE)
def test_the_kernels_are_the_definition_for_every_degree(degree: int, sparsity: float) -> None:
    terms = HessianTerms(FIDELITY_OF_DEGREE[degree] - sparsity**2, sparsity)
    data = scene((61, 75), seed=degree)
    expected = defined(data, terms, 23)
    assert len(expected.coefficients) - 1 == degree
    estimate, split = run(data, terms, 23)
    np.testing.assert_allclose(estimate, expected.estimate(), rtol=0, atol=3e-6)
    np.testing.assert_allclose(split, expected.split(), rtol=0, atol=3e-5)


@pytest.mark.parametrize("degree", [1, 2, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_are_the_definition_for_every_shape(shape: tuple[int, int], degree: int) -> None:
    terms = HessianTerms(FIDELITY_OF_DEGREE[degree] - 4.0, 2.0)
    data = scene(shape, seed=1)
    estimate, split = run(data, terms, 12)
    expected = defined(data, terms, 12)
    np.testing.assert_allclose(estimate, expected.estimate(), rtol=0, atol=3e-6)
    np.testing.assert_allclose(split, expected.split(), rtol=0, atol=3e-5)


CUTS = {
    "two threads": (2, 5, 640),
    "three threads": (3, 5, 640),
    "seven threads": (7, 5, 640),
    "one step to a sweep": (2, 1, 640),
    "two steps to a sweep": (1, 2, 640),
    "eight steps to a sweep": (3, 8, 640),
    "narrow tiles": (1, 5, 50),
    "tiles narrower than their halo": (3, 3, 13),
    "many small tiles": (5, 1, 20),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("degree", [1, 2, 4])
def test_no_bit_depends_on_threads_steps_or_tiles(
    degree: int, cut: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, terms = scene((190, 150), seed=2), HessianTerms(FIDELITY_OF_DEGREE[degree] - 1.0, 1.0)
    estimate, split = run(data, terms, 17)
    threads, steps, width = cut
    monkeypatch.setattr(cpu, "STEPS", steps)
    monkeypatch.setattr(tiles, "BEST_WIDTH", width)
    again, again_split = run(data, terms, 17, threads)
    assert np.array_equal(estimate, again)
    assert np.array_equal(split, again_split)


def test_the_cuts_of_that_test_make_tiles_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "BEST_WIDTH", 20)
    made = tiles.Tiling(scene((190, 150)), 100.0, degree=2, steps=1, pieces=5)
    assert len({own[0].start for own in made.own}) == 5
    assert len({own[1].start for own in made.own}) == 8


def test_the_real_width_of_tiles_cuts_a_wide_plane_and_gives_the_definition() -> None:
    data, terms = scene((40, 1500), seed=5), HessianTerms(150.0, 10.0)
    assert len(tiles.Tiling(data, 150.0, 1, 5, 1).tiles) == 2
    np.testing.assert_allclose(run(data, terms, 11, 2)[0], defined(data, terms, 11).estimate(), rtol=0, atol=3e-6)


def test_a_fidelity_too_weak_for_a_polynomial_is_solved_exactly() -> None:
    data, terms = scene((30, 31)), HessianTerms(0.5, 0.0)
    iteration = CpuEngine(2).published(data, terms)
    assert isinstance(iteration, Published)
    iteration.advance(40)
    exact = NumpyEngine(1, np.float64).published(data, terms)
    exact.advance(40)
    np.testing.assert_allclose(iteration.estimate(), exact.estimate(), rtol=0, atol=3e-6)


@pytest.mark.parametrize(
    ("terms", "within"),
    [
        (HessianTerms(150.0, 10.0), 5e-6),
        (HessianTerms(150.0, 0.0), 5e-6),
        (HessianTerms(50.0, 0.0), 5e-6),
        (HessianTerms(20.0, 1.0), 1e-4),
        (HessianTerms(4.1, 0.0), 1e-4),
    ],
    ids=str,
)
def test_inexact_solves_end_near_exact_ones_after_a_hundred_iterations(terms: HessianTerms, within: float) -> None:
    for seed in range(3):
        data = scene((90, 100), seed)
        exact = NumpyEngine(1, np.float64).published(data, terms)
        exact.advance(99)
        np.testing.assert_allclose(run(data, terms, 99)[0], exact.estimate(), rtol=0, atol=within)


def test_rings_hold_what_an_iteration_in_flight_needs() -> None:
    for degree in range(1, 11):
        residual, everything = kernels_plane.ring_rows(degree)
        assert residual >= 2 * degree + 2
        assert residual & (residual - 1) == 0, "rows are found by a bit mask"
        assert everything == residual + 8 * degree
        assert kernels_plane.lag_rows(degree) == 2 * degree + 2

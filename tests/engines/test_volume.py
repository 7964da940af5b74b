"""Fused kernels of the published iteration on a volume."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from problems import PolynomialIteration, scene
from sparsescope.engines import HessianTerms
from sparsescope.engines.chebyshev import inverse_polynomial
from sparsescope.engines.cpu import CpuEngine
from sparsescope.engines.cpu_volume import PublishedVolume
from sparsescope.engines.reference import NumpyEngine, Published
from sparsescope.operators import laplacian_bound

FIDELITY_OF_DEGREE = {1: 500.0, 2: 200.0, 3: 80.0, 4: 45.0, 5: 30.0, 6: 20.0, 7: 15.0, 8: 11.5, 9: 9.2, 10: 7.5}
"""Fidelity, with no sparsity and a continuity of 1/2, whose inverse takes a polynomial of that degree."""

SHAPES = [
    (1, 1, 1),
    (1, 5, 6),
    (2, 9, 8),
    (2, 1, 1),
    (3, 1, 7),
    (3, 7, 1),
    (9, 1, 1),
    (4, 2, 2),
    (9, 23, 31),
    (20, 9, 8),
]


def run(
    data: npt.NDArray[np.float32], terms: HessianTerms, count: int, threads: int = 1
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    iteration = CpuEngine(threads).published(data, terms)
    assert isinstance(iteration, PublishedVolume)
    iteration.advance(count)
    return iteration.estimate(), iteration.split()


def defined(data: npt.NDArray[np.float32], terms: HessianTerms, count: int) -> PolynomialIteration:
    polynomial = inverse_polynomial(terms.fidelity + terms.sparsity**2, laplacian_bound(terms.continuity, 3))
    assert polynomial is not None
    iteration = PolynomialIteration(data, terms, polynomial)
    iteration.advance(count)
    return iteration


@pytest.mark.parametrize("degree", FIDELITY_OF_DEGREE)
def test_the_kernels_are_the_definition_for_every_degree(degree: int) -> None:
    terms = HessianTerms(FIDELITY_OF_DEGREE[degree] - 0.25, 0.5, 0.5)
    data = scene((9, 23, 31), seed=degree)
    expected = defined(data, terms, 13)
    assert len(expected.coefficients) - 1 == degree
    estimate, split = run(data, terms, 13)
    np.testing.assert_allclose(estimate, expected.estimate(), rtol=0, atol=3e-6)
    np.testing.assert_allclose(split, expected.split(), rtol=0, atol=3e-5)


@pytest.mark.parametrize("continuity", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernels_are_the_definition_for_every_shape_and_continuity(
    shape: tuple[int, ...], continuity: float
) -> None:
    terms = HessianTerms(150.0, 3.0, continuity)
    data = scene(shape, seed=1)
    estimate, split = run(data, terms, 12)
    expected = defined(data, terms, 12)
    np.testing.assert_allclose(estimate, expected.estimate(), rtol=0, atol=3e-6)
    np.testing.assert_allclose(split, expected.split(), rtol=0, atol=3e-5)


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("degree", [1, 2, 5])
def test_no_bit_depends_on_the_number_of_threads(degree: int, threads: int) -> None:
    data, terms = scene((7, 30, 41)), HessianTerms(FIDELITY_OF_DEGREE[degree] - 1.0, 1.0, 0.5)
    for a, b in zip(run(data, terms, 9), run(data, terms, 9, threads), strict=True):
        assert np.array_equal(a, b)


def test_without_continuity_planes_are_treated_one_by_one() -> None:
    data, terms = scene((4, 30, 33)), HessianTerms(150.0, 10.0, 0.0)
    stack, engine = run(data, terms, 30)[0], CpuEngine(1)
    for plane, expected in zip(data, stack, strict=True):
        iteration = engine.published(plane, terms)
        iteration.advance(30)
        np.testing.assert_allclose(iteration.estimate(), expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_volume_gives_the_mirrored_result_but_for_the_mixed_differences(axis: int) -> None:
    """Forward–forward differences are not symmetric; away from structure in two axes at once they vanish."""
    shape = [1, 1, 1]
    shape[axis] = 40
    data = np.broadcast_to(scene((1, 40), seed=8).reshape(shape), [6 if n == 1 else n for n in shape]).copy()
    terms = HessianTerms(150.0, 5.0, 0.5)
    a, b = run(data, terms, 40)[0], run(np.flip(data, axis).copy(), terms, 40)[0]
    np.testing.assert_allclose(a, np.flip(b, axis), rtol=0, atol=2e-6)
    others = tuple(i for i in range(3) if i != axis)
    assert np.ptp(a, axis=others).max() <= 2e-6, "nothing changes along the axes in which the data are constant"


def test_a_fidelity_too_weak_for_a_polynomial_is_solved_exactly() -> None:
    data, terms = scene((5, 12, 13)), HessianTerms(0.5, 0.0, 0.5)
    iteration = CpuEngine(2).published(data, terms)
    assert isinstance(iteration, Published)
    iteration.advance(40)
    exact = NumpyEngine(1, np.float64).published(data, terms)
    exact.advance(40)
    np.testing.assert_allclose(iteration.estimate(), exact.estimate(), rtol=0, atol=3e-6)

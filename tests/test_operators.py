"""Second differences against dense matrices, and the norm and spectrum that the engines rely on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft

from problems import dense_second_difference, matrix
from sparsescope.operators import (
    TERMS,
    TIME_TERMS,
    adjoint_second_difference,
    hessian_weights,
    laplacian_bound,
    laplacian_spectrum,
    second_difference,
    terms_of,
)

sizes = st.integers(1, 7)
few = st.integers(1, 4)
shapes = st.one_of(st.tuples(sizes, sizes), st.tuples(sizes, sizes, sizes), st.tuples(few, few, few, few))
continuities = st.sampled_from([0.0, 0.25, 1.0, 3.0])


def scales(shape: tuple[int, ...], continuity: float, continuity_t: float) -> dict[str, float]:
    every = {"xx": 1.0, "yy": 1.0, "zz": continuity**0.5, "tt": continuity_t**0.5}
    return dict(list(every.items())[: len(shape)])


def test_the_terms_of_an_array_are_those_of_its_axes() -> None:
    assert terms_of(2) == ("xx", "yy", "xy")
    assert terms_of(3) == TERMS
    assert terms_of(4) == TERMS + TIME_TERMS
    assert sorted("".join(sorted(t)) for t in terms_of(4)) == sorted(
        "".join(sorted(a + b)) for a in "xyzt" for b in "xyzt" if a <= b
    )


@given(shapes, st.integers(0, 2**32 - 1))
def test_every_adjoint_is_the_transpose(shape: tuple[int, ...], seed: int) -> None:
    x, p = np.random.default_rng(seed).standard_normal((2, *shape))
    for term in terms_of(len(shape)):
        forward = np.vdot(second_difference(x, term), p)
        back = np.vdot(x, adjoint_second_difference(p, term))
        assert forward == pytest.approx(back, rel=1e-12, abs=1e-12), term


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 5), (5, 1), (4, 5), (1, 3, 4), (3, 1, 4), (3, 4, 1), (3, 4, 5), (2, 2, 2), (3, 2, 3, 2), (1, 3, 1, 4)],
)
def test_second_differences_are_the_dense_matrices_of_the_mirrored_domain(shape: tuple[int, ...]) -> None:
    for term in terms_of(len(shape)):
        dense = dense_second_difference(shape, term)
        np.testing.assert_allclose(matrix(lambda x, t=term: second_difference(x, t), shape), dense, atol=1e-14)
        np.testing.assert_allclose(
            matrix(lambda p, t=term: adjoint_second_difference(p, t), shape), dense.T, atol=1e-14
        )


def test_second_differences_of_known_functions_in_the_interior() -> None:
    t, z, y, x = np.meshgrid(*(np.arange(n) for n in (4.0, 5.0, 6.0, 7.0)), indexing="ij")
    image = 3 * x**2 + 5 * y**2 + 7 * z**2 + 11 * x * y + 13 * x * z + 17 * y * z
    image = image + 19 * t**2 + 23 * x * t + 29 * y * t + 31 * z * t
    expected = {"xx": 6, "yy": 10, "zz": 14, "xy": 11, "xz": 13, "yz": 17, "tt": 38, "xt": 23, "yt": 29, "zt": 31}
    for term, value in expected.items():
        inside = second_difference(image, term)[1:-1, 1:-1, 1:-1, 1:-1]
        np.testing.assert_allclose(inside, value, atol=1e-12)


@given(shapes)
def test_a_constant_has_no_second_differences(shape: tuple[int, ...]) -> None:
    for term in terms_of(len(shape)):
        assert not second_difference(np.full(shape, 3.5, np.float32), term).any()


def test_operators_keep_float32_and_leave_their_input_alone() -> None:
    x = np.random.default_rng(0).random((2, 3, 4, 5), dtype=np.float32)
    x.setflags(write=False)
    for term in TERMS + TIME_TERMS:
        assert second_difference(x, term).dtype == np.float32
        assert adjoint_second_difference(x, term).dtype == np.float32


@given(continuities)
def test_weights_are_the_published_ones(continuity: float) -> None:
    three = hessian_weights(continuity, 3)
    assert dict(hessian_weights(continuity, 2)) == {"xx": 1.0, "yy": 1.0, "xy": 2.0}
    assert list(three) == list(TERMS)
    assert three["zz"] == continuity
    assert three["xz"] == three["yz"] == 2 * continuity**0.5
    assert (three["xx"], three["yy"], three["xy"]) == (1.0, 1.0, 2.0)


@given(continuities, continuities)
def test_time_adds_its_terms_and_leaves_those_of_space_alone(continuity: float, continuity_t: float) -> None:
    four = hessian_weights(continuity, 4, continuity_t)
    assert {term: four[term] for term in TERMS} == dict(hessian_weights(continuity, 3))
    assert four["tt"] == continuity_t
    assert four["xt"] == four["yt"] == 2 * continuity_t**0.5
    assert four["zt"] == pytest.approx(2 * (continuity * continuity_t) ** 0.5)


@given(shapes, continuities, continuities, st.integers(0, 2**32 - 1))
def test_the_weighted_sum_is_the_squared_laplacian_and_diagonal_under_the_cosine_transform(
    shape: tuple[int, ...], continuity: float, continuity_t: float, seed: int
) -> None:
    x = np.random.default_rng(seed).standard_normal(shape)
    weights = hessian_weights(continuity, len(shape), continuity_t)
    total = sum(w * adjoint_second_difference(second_difference(x, term), term) for term, w in weights.items())

    def laplacian(v: np.ndarray) -> np.ndarray:
        found = scales(shape, continuity, continuity_t).items()
        return sum(scale * second_difference(v, term) for term, scale in found)

    by_spectrum = fft.idctn(laplacian_spectrum(shape, continuity, continuity_t) * fft.dctn(x))
    np.testing.assert_allclose(total, laplacian(laplacian(x)), atol=1e-10)
    np.testing.assert_allclose(total, by_spectrum, atol=1e-10)


@given(shapes, continuities, continuities)
def test_the_bound_is_not_exceeded(shape: tuple[int, ...], continuity: float, continuity_t: float) -> None:
    spectrum = laplacian_spectrum(shape, continuity, continuity_t)
    assert spectrum.shape == shape
    assert spectrum.min() >= 0
    assert spectrum.max() <= laplacian_bound(continuity, len(shape), continuity_t) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("shape", "continuity", "continuity_t"),
    [((400, 400), 0.0, 0.0), ((200, 200, 200), 0.5, 0.0), ((200, 200, 200), 2.0, 9.0), ((50, 50, 50, 50), 0.5, 2.0)],
)
def test_the_bound_is_reached_on_large_domains(shape: tuple[int, ...], continuity: float, continuity_t: float) -> None:
    reached = laplacian_spectrum(shape, continuity, continuity_t).max()
    assert reached >= (0.995 if len(shape) > 3 else 0.9997) * laplacian_bound(continuity, len(shape), continuity_t)


def test_the_bound_in_two_dimensions_is_64_whatever_the_continuity() -> None:
    assert laplacian_bound(0.0, 2) == laplacian_bound(5.0, 2) == 64.0
